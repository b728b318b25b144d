{#- What was asked for, and which part of it is due: for models/quality/due_days.sql alone. -#}

{% macro new_questions(behind, known_checks) %}
    {#- Each response and each check is a request: this window was asked for at this time. `behind` none and known_checks
        [none, 0]: all of them. -#}
    select
        staged.indicator_id,
        staged.window_start_utc,
        staged.window_end_utc,
        staged.extracted_at_utc as asked_at_utc,
        staged.response_id
    from {{ ref('stg_esios__indicator_responses') }} as staged
    {% if behind is not none %}
    where {{ newer_than(behind, 'staged') }}
    {% endif %}
    union all
    select
        checks.indicator_id,
        checks.window_start_utc,
        checks.window_end_utc,
        checks.checked_at_utc as asked_at_utc,
        null as response_id
    from {{ source('raw_esios', 'window_checks') }} as checks
    {% if known_checks[0] %}
    where checks.checked_at_utc > {{ known_checks[0] }}
    {% endif %}
{% endmacro %}

{% macro due_until(asked, registered) %}
    {#- What was due when it was asked for: a forecast to the end of that Madrid day, a measured value some hours after its
        hour began. -#}
    case
        when {{ registered }}.due_after_hours is not null
            then {{ add_hours(
                asked ~ '.window_start_utc',
                hours_from_to(asked ~ '.window_start_utc', add_hours(asked ~ '.asked_at_utc', '-' ~ registered ~ '.due_after_hours')) ~ ' + 1'
            ) }}
        else {{ from_madrid(midnight_of(add_hours(midnight_of(to_madrid(asked ~ '.asked_at_utc')), 36))) }}
    end
{%- endmacro %}

{% macro forgotten_spans() %}
    {#- What `esios forget` took back: whole Madrid days, and when. It holds for every request up to then. -#}
    (
        select
            indicator_id,
            requested_start as first_day,
            requested_end as last_day,
            started_at_utc as forgotten_at_utc
        from {{ source('raw_esios', 'extract_runs') }}
        where status = 'forgotten'
    )
{% endmacro %}

{% macro is_forgotten(days, instant) %}
    {#- The condition that what was asked or judged of the day by `instant` has been forgotten since. -#}
    exists (
        select 1
        from {{ forgotten_spans() }} as forgotten
        where {{ days }}.indicator_id = forgotten.indicator_id
            and {{ days }}.{{ instant }} <= forgotten.forgotten_at_utc
            and {{ days }}.madrid_day between forgotten.first_day and forgotten.last_day
    )
{% endmacro %}

{% macro changed_questions(behind, known_checks, judged) %}
    {#- The spans about which something was asked, or forgotten, since the days of `judged` were judged. -#}
    select
        questions.indicator_id,
        questions.window_start_utc as start_utc,
        questions.window_end_utc as end_utc
    from ({{ new_questions(behind, known_checks) }}) as questions
    union all
    select
        judged.indicator_id,
        judged.due_from_utc as start_utc,
        judged.due_until_utc as end_utc
    from {{ judged }} as judged
    where judged.due_until_utc is not null
        and {{ is_forgotten('judged', 'last_checked_at_utc') }}
{% endmacro %}

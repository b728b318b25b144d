{% macro due_spans(questions) %}
    {#- The hours that must be there after `questions` (indicator_id, window_start_utc, window_end_utc, asked_at_utc): one
        row for each start of a window, to the end of what was due when it was last asked for. More questions never make
        less due, only a span that was forgotten later. -#}
    {%- set due_from_now = add_hours('last_asked.asked_at_utc', '-last_asked.due_after_hours') %}
    select
        due_until.indicator_id,
        due_until.window_start_utc,
        {#- Of windows with the same start the longest holds the others: a series kept up to date has many. #}
        max(
            case
                when due_until.window_end_utc < due_until.due_until_utc then due_until.window_end_utc
                else due_until.due_until_utc
            end
        ) as due_end_utc
    from (
        select
            last_asked.indicator_id,
            last_asked.window_start_utc,
            last_asked.window_end_utc,
            case
                {#- A measured value is due some hours after its hour began. #}
                when last_asked.due_after_hours is not null
                    then {{ add_hours('last_asked.window_start_utc', hours_from_to('last_asked.window_start_utc', due_from_now) ~ ' + 1') }}
                else {{ from_madrid(midnight_of(add_hours(midnight_of(to_madrid('last_asked.asked_at_utc')), 36))) }}
            end as due_until_utc
        from (
            select
                asked.indicator_id,
                asked.window_start_utc,
                asked.window_end_utc,
                max(registered.due_after_hours) as due_after_hours,
                max(asked.asked_at_utc) as asked_at_utc
            from ({{ not_forgotten(questions) }}) as asked
            inner join {{ ref('esios_indicators') }} as registered
                on asked.indicator_id = registered.id
            group by asked.indicator_id, asked.window_start_utc, asked.window_end_utc
        ) as last_asked
    ) as due_until
    where due_until.window_start_utc < due_until.due_until_utc
    group by due_until.indicator_id, due_until.window_start_utc
{% endmacro %}

{% macro forgotten_spans() %}
    {#- What `esios forget` took back: whole Madrid days, and when. It holds for every check up to then. -#}
    (
        select
            indicator_id,
            requested_start as first_day,
            requested_end as last_day,
            {{ day_start_utc('requested_start') }} as start_utc,
            {{ day_start_utc(add_days('requested_end', 1)) }} as end_utc,
            started_at_utc as forgotten_at_utc
        from {{ source('raw_esios', 'extract_runs') }}
        where status = 'forgotten'
    )
{% endmacro %}

{% macro not_forgotten(questions) %}
    {#- `questions` less what was forgotten after each: a part begins at the window's start or where a forgotten span ends,
        and ends where the next forgotten span begins or at the window's end. -#}
    select
        part.indicator_id,
        part.window_start_utc,
        coalesce(min(forgotten.start_utc), part.window_end_utc) as window_end_utc,
        part.asked_at_utc
    from (
        select
            indicator_id,
            window_start_utc,
            window_end_utc,
            asked_at_utc
        from {{ questions }}
        union
        select
            asked.indicator_id,
            forgotten.end_utc as window_start_utc,
            asked.window_end_utc,
            asked.asked_at_utc
        from {{ questions }} as asked
        inner join {{ forgotten_spans() }} as forgotten
            on asked.indicator_id = forgotten.indicator_id
                and asked.asked_at_utc <= forgotten.forgotten_at_utc
                and asked.window_start_utc < forgotten.end_utc
                and asked.window_end_utc > forgotten.end_utc
    ) as part
    left join {{ forgotten_spans() }} as forgotten
        on part.indicator_id = forgotten.indicator_id
            and part.asked_at_utc <= forgotten.forgotten_at_utc
            and part.window_start_utc < forgotten.start_utc
            and part.window_end_utc > forgotten.start_utc
    where not exists (
        select 1
        from {{ forgotten_spans() }} as inside
        where part.indicator_id = inside.indicator_id
            and part.asked_at_utc <= inside.forgotten_at_utc
            and part.window_start_utc >= inside.start_utc
            and part.window_start_utc < inside.end_utc
    )
    group by part.indicator_id, part.window_start_utc, part.window_end_utc, part.asked_at_utc
{% endmacro %}

{% macro forgotten_since(judged) %}
    {#- The condition that what was due of the day `judged` has been forgotten since it was judged. -#}
    exists (
        select 1
        from {{ forgotten_spans() }} as forgotten
        where {{ judged }}.indicator_id = forgotten.indicator_id
            and {{ judged }}.last_checked_at_utc <= forgotten.forgotten_at_utc
            and {{ judged }}.madrid_day between forgotten.first_day and forgotten.last_day
    )
{% endmacro %}

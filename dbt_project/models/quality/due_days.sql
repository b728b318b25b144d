-- depends_on: {{ ref('stg_esios__response_entries') }}
{{ config(
    materialized='incremental',
    incremental_strategy=replacing_by_key(),
    unique_key=['indicator_id', 'geo_id', 'madrid_day'],
    on_schema_change='append_new_columns',
    pre_hook='{{ delete_days_to_rebuild(this) }}',
    indexes=clustered_on(['indicator_id', 'geo_id', 'madrid_day'], unique=true)
    + indexed_on(['judgement', 'indicator_id'], included=['madrid_day'])
    + indexed_on(['indicator_id', 'newest_response_id'])
    + indexed_on(['checks_judged', 'last_checked_at_utc'])
) }}

{#- What is due of a day only grows, except for what is forgotten: what was known of it and the new requests are enough. A
    row is written only if it changes, with the number of this judgement; later models read the rows with a new number. -#}
{%- set known_checks = [none, 0] -%}
{%- set behind = none -%}
{%- set judgement = 1 -%}
{%- if is_incremental() -%}
    {%- set judgement = highest(this, 'judgement') + 1 -%}
    {%- set responses = ref('stg_esios__indicator_responses') -%}
    {%- set behind = with_rebuilt(indicators_behind(responses, 'response_id', highest(this, 'newest_response_id'))) -%}
    {%- if not rebuilt_indicators() -%}
        {%- set known_checks = checks_judged(source('raw_esios', 'window_checks'), this) -%}
    {%- endif -%}
    {%- set days = days_near(changed_questions(behind, known_checks, this), 1) -%}
{%- endif -%}
with new_questions as (
    {{ new_questions(behind, known_checks) }}
),

{{ asked_areas_of_responses() }},

checks_so_far as (
    select
        {{ known_checks[1] }} + count(*) as checks_judged,
        coalesce(max(asked_at_utc), {{ known_checks[0] or 'max(asked_at_utc)' }}) as last_checked_at_utc
    from new_questions
    where response_id is null
),

last_questions as (
    select
        new_questions.indicator_id,
        areas.geo_id,
        new_questions.window_start_utc,
        new_questions.window_end_utc,
        max(new_questions.asked_at_utc) as asked_at_utc,
        max(new_questions.response_id) as response_id,
        max(case when new_questions.response_id is not null then new_questions.asked_at_utc end) as extracted_at_utc
    from new_questions
    inner join ({{ areas_of_questions('new_questions') }}) as areas
        on new_questions.indicator_id = areas.indicator_id
            and new_questions.window_start_utc = areas.window_start_utc
            and new_questions.window_end_utc = areas.window_end_utc
    group by new_questions.indicator_id, areas.geo_id, new_questions.window_start_utc, new_questions.window_end_utc
),

asked_windows as (
    select
        asked.*,
        {{ day_of(to_madrid('asked.window_start_utc')) }} as first_day,
        {{ add_days(day_of(to_madrid(add_seconds('asked.window_end_utc', -1))), 1) }} as end_day,
        {{ due_until('asked', 'registered') }} as due_until_utc
    from last_questions as asked
    inner join {{ ref('esios_indicators') }} as registered
        on asked.indicator_id = registered.id
),

windows_by_day as (
    {#- A month's value belongs to the month's first day, and is due when all of the month is. #}
    select
        asked_windows.*,
        each_day.madrid_day,
        cadences.cadence_seconds,
        {{ day_start_utc('each_day.madrid_day') }} as day_start_utc,
        case
            when cadences.cadence = 'month' then {{ day_start_utc(first_of_month(add_days('each_day.madrid_day', 31))) }}
            else {{ day_start_utc(add_days('each_day.madrid_day', 1)) }}
        end as day_end_utc
    from {{ each_day('asked_windows', 'first_day', 'end_day') }}
    inner join {{ ref('esios_indicator_cadences') }} as cadences
        on asked_windows.indicator_id = cadences.indicator_id
            and cadences.valid_from_utc <= {{ day_start_utc('each_day.madrid_day') }}
            and cadences.valid_until_utc > {{ day_start_utc('each_day.madrid_day') }}
    where cadences.cadence <> 'month'
        or each_day.madrid_day = {{ first_of_month('each_day.madrid_day') }}
),

clipped_windows as (
    select
        *,
        case when window_start_utc > day_start_utc then window_start_utc else day_start_utc end as clipped_start_utc,
        case
            when {{ is_forgotten('windows_by_day', 'asked_at_utc') }} then null
            when due_until_utc <= window_end_utc and due_until_utc <= day_end_utc then due_until_utc
            when window_end_utc <= day_end_utc then window_end_utc
            else day_end_utc
        end as clipped_end_utc
    from windows_by_day
),

{% if is_incremental() %}
known_days as (
    select
        known.*,
        case when {{ is_forgotten('known', 'last_checked_at_utc') }} then 1 else 0 end as is_forgotten
    from {{ this }} as known
    where {{ within_days('known', 'madrid_day', days, 'date') }}
),

{% endif %}
questions_of_days as (
    select
        indicator_id,
        geo_id,
        madrid_day,
        day_end_utc,
        cadence_seconds,
        response_id,
        {#- Of a period that it leaves out, a response says so if its window holds the day. #}
        case
            when window_start_utc <= day_start_utc and window_end_utc >= {{ day_start_utc(add_days('madrid_day', 1)) }}
                then extracted_at_utc
        end as extracted_at_utc,
        case when clipped_start_utc < clipped_end_utc then clipped_start_utc end as due_from_utc,
        case when clipped_start_utc < clipped_end_utc then clipped_end_utc end as due_until_utc
    from clipped_windows
    {% if is_incremental() %}
    union all
    select
        indicator_id,
        geo_id,
        madrid_day,
        null as day_end_utc,
        cadence_seconds,
        newest_response_id as response_id,
        newest_extracted_at_utc as extracted_at_utc,
        case when is_forgotten = 0 then due_from_utc end as due_from_utc,
        case when is_forgotten = 0 then due_until_utc end as due_until_utc
    from known_days
    {% endif %}
),

asked_days as (
    select
        indicator_id,
        geo_id,
        madrid_day,
        max(day_end_utc) as day_end_utc,
        max(cadence_seconds) as cadence_seconds,
        min(due_from_utc) as due_from_utc,
        max(due_until_utc) as due_until_utc,
        max(response_id) as newest_response_id,
        max(extracted_at_utc) as newest_extracted_at_utc
    from questions_of_days
    group by indicator_id, geo_id, madrid_day
)

select
    asked.indicator_id,
    asked.geo_id,
    asked.madrid_day,
    cast(asked.due_from_utc as {{ type_instant() }}) as due_from_utc,
    cast(asked.due_until_utc as {{ type_instant() }}) as due_until_utc,
    cast(
        case
            when asked.due_until_utc is null then 0
            when asked.cadence_seconds is not null
                then floor(3600 * {{ hours_between('asked.due_from_utc', 'asked.due_until_utc') }} / asked.cadence_seconds)
            when asked.due_until_utc >= asked.day_end_utc then 1
            else 0
        end as {{ type_whole() }}
    ) as periods_due,
    cast(asked.cadence_seconds as {{ type_whole() }}) as cadence_seconds,
    asked.newest_extracted_at_utc,
    cast(asked.newest_response_id as {{ type_counter() }}) as newest_response_id,
    cast({{ judgement }} as {{ type_counter() }}) as judgement,
    cast(checks_so_far.checks_judged as {{ type_counter() }}) as checks_judged,
    checks_so_far.last_checked_at_utc
{#- The one row first: Sail (0.7) holds that side. #}
from checks_so_far
cross join asked_days as asked
{% if is_incremental() %}
left join known_days as known
    on asked.indicator_id = known.indicator_id
        and asked.geo_id = known.geo_id
        and asked.madrid_day = known.madrid_day
where known.madrid_day is null
    or asked.newest_response_id > coalesce(known.newest_response_id, 0)
    or (asked.due_until_utc is not null and known.due_until_utc is null)
    or (known.due_until_utc is not null and known.is_forgotten = 1)
    or asked.due_from_utc < known.due_from_utc
    or asked.due_until_utc > known.due_until_utc
{% endif %}

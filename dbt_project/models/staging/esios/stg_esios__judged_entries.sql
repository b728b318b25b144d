{{ config(materialized=step()) }}

{#- The registry is read when the entries are, so that what is registered later needs no new staging. -#}
with only_areas as (
    select
        indicator_id,
        max(geo_id) as geo_id
    from {{ ref('esios_indicator_areas') }}
    group by indicator_id
    having count(*) = 1
),

entries_with_registry as (
    select
        entries.response_id,
        entries.indicator_id,
        entries.geo_name,
        entries.datetime_text,
        entries.value_text,
        entries.period_start_utc,
        entries.next_start_utc,
        entries.seconds_past_hour,
        entries.value,
        entries.code as unusable_code,
        registered.id as registered_id,
        cadences.cadence,
        cadences.cadence_seconds,
        responses.window_start_utc,
        responses.window_end_utc,
        responses.run_id,
        responses.extracted_at_utc,
        responses.indicator_name,
        responses.values_updated_at_utc,
        responses.asked_cadence,
        {{ period_end('entries.period_start_utc', 'cadences.cadence', 'cadences.cadence_seconds') }} as period_end_utc,
        {{ calendar_period_start('entries.period_start_utc', 'cadences.cadence') }} as calendar_start_utc,
        {#- Where the registry lists one area, an entry without area is of that one. #}
        coalesce(entries.geo_id, only_areas.geo_id) as geo_id,
        case
            when registered.id is null or entries.geo_id is null or areas.geo_id is not null then 1
            {#- -1 stands for an area that is not a number. #}
            when registered.has_all_areas = 1 and entries.geo_id >= 0 then 1
            else 0
        end as is_registered_area
    from {{ ref('stg_esios__response_entries') }} as entries
    inner join {{ ref('stg_esios__indicator_responses') }} as responses
        on entries.response_id = responses.response_id
    left join {{ ref('esios_indicators') }} as registered
        on entries.indicator_id = registered.id
    left join {{ ref('esios_indicator_areas') }} as areas
        on entries.indicator_id = areas.indicator_id
            and entries.geo_id = areas.geo_id
    left join only_areas
        on entries.indicator_id = only_areas.indicator_id
    left join {{ ref('esios_indicator_cadences') }} as cadences
        on entries.indicator_id = cadences.indicator_id
            and entries.period_start_utc >= cadences.valid_from_utc
            and entries.period_start_utc < cadences.valid_until_utc
)

select
    response_id,
    indicator_id,
    geo_id,
    geo_name,
    period_start_utc,
    period_end_utc,
    datetime_text,
    value_text,
    value,
    window_start_utc,
    window_end_utc,
    run_id,
    extracted_at_utc,
    indicator_name,
    values_updated_at_utc,
    is_registered_area,
    case
        when unusable_code is not null then unusable_code
        when registered_id is null then 'not_registered'
        when geo_id is null then 'area_missing'
        when seconds_past_hour % cadence_seconds <> 0 then 'off_cadence'
        when cadence_seconds is null and (calendar_start_utc is null or calendar_start_utc <> period_start_utc) then 'off_cadence'
        {#- An hour's mean at a quarter's instant is not the quarter's value. #}
        when asked_cadence <> cadence then 'off_cadence'
        {#- Finer values where one was asked for: the first of them is not the period's. #}
        when next_start_utc < period_end_utc then 'period_in_parts'
    end as code
from entries_with_registry

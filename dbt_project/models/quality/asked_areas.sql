{{ config(materialized=step()) }}

{#- The address of a response says which areas were asked for; the areas of an indicator registered with `all` are learned
    from its values. A window without any value is missing in every area that was known by then. What later responses
    bring changes neither. -#}
with responses_of_all_areas as (
    select
        staged.response_id,
        staged.indicator_id,
        staged.window_start_utc,
        staged.window_end_utc
    from {{ ref('stg_esios__indicator_responses') }} as staged
    inner join {{ ref('esios_indicators') }} as registered
        on staged.indicator_id = registered.id
    where registered.has_all_areas = 1
),

areas_with_values as (
    select distinct
        asked.response_id,
        known.geo_id
    from responses_of_all_areas as asked
    inner join {{ ref('esios_value_versions') }} as known
        on asked.indicator_id = known.indicator_id
            and asked.response_id >= known.response_id
            and asked.window_start_utc <= known.period_start_utc
            and asked.window_end_utc > known.period_start_utc
),

areas_of_empty_windows as (
    select distinct
        asked.response_id,
        known.geo_id
    from responses_of_all_areas as asked
    inner join {{ ref('esios_value_versions') }} as known
        on asked.indicator_id = known.indicator_id
            and asked.response_id > known.response_id
    where not exists (
            select 1
            from areas_with_values
            where asked.response_id = areas_with_values.response_id
        )
)

select
    staged.response_id,
    staged.indicator_id,
    areas.geo_id,
    staged.window_start_utc,
    staged.window_end_utc
from {{ ref('stg_esios__indicator_responses') }} as staged
inner join {{ ref('esios_indicator_areas') }} as areas
    on staged.indicator_id = areas.indicator_id
where {{ asks_for_area('staged', 'areas.geo_id') }}
union all
select
    asked.response_id,
    asked.indicator_id,
    areas_with_values.geo_id,
    asked.window_start_utc,
    asked.window_end_utc
from responses_of_all_areas as asked
inner join areas_with_values
    on asked.response_id = areas_with_values.response_id
union all
select
    asked.response_id,
    asked.indicator_id,
    areas_of_empty_windows.geo_id,
    asked.window_start_utc,
    asked.window_end_utc
from responses_of_all_areas as asked
inner join areas_of_empty_windows
    on asked.response_id = areas_of_empty_windows.response_id

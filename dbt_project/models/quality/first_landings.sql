{{ config(materialized=step()) }}

with asked_areas_of_indicators as (
    select
        indicator_id,
        geo_id
    from {{ ref('esios_indicator_areas') }}
    union all
    select
        id as indicator_id,
        null as geo_id
    from {{ ref('esios_indicators') }}
    where has_all_areas = 1
)

select
    areas.indicator_id,
    areas.geo_id,
    {{ day_of(to_madrid('min(responses.extracted_at_utc)')) }} as first_landing_day
from asked_areas_of_indicators as areas
inner join {{ ref('stg_esios__indicator_responses') }} as responses
    on areas.indicator_id = responses.indicator_id
where areas.geo_id is null
    or {{ asks_for_area('responses', 'areas.geo_id') }}
group by areas.indicator_id, areas.geo_id

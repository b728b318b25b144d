{{ config(materialized='view') }}

with areas_of_responses as (
    select
        response_id,
        indicator_id,
        geo_id,
        max(geo_name) as geo_name,
        count(*) as entries
    from {{ ref('stg_esios__judged_entries') }}
    where is_registered_area = 0
    group by response_id, indicator_id, geo_id
){{ written_by_response('areas_of_responses') }},

counted_areas as (
    select
        indicator_id,
        geo_id,
        max(geo_name) as geo_name,
        sum(entries) as entries
    from areas_of_responses
    group by indicator_id, geo_id
)

select
    indicator_id,
    geo_id,
    geo_name,
    cast(entries as {{ type_counter() }}) as entries
from counted_areas

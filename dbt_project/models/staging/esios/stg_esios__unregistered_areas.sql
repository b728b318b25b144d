{{ config(materialized='view') }}

select
    indicator_id,
    geo_id,
    max(geo_name) as geo_name,
    count(*) as entries
from {{ ref('stg_esios__judged_entries') }}
where is_registered_area = 0
group by indicator_id, geo_id

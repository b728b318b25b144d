{{ config(
    materialized='incremental',
    incremental_strategy=replacing_by_key(),
    unique_key=['geo_id'],
    indexes=clustered_on(['geo_id'], unique=true)
) }}

with names_of_areas as (
    select
        entries.geo_id,
        entries.geo_name,
        max(entries.response_id) as response_id
    from {{ ref('stg_esios__response_entries') }} as entries
    where entries.geo_id >= 0
        and entries.geo_name is not null
    {% if is_incremental() %}
        and entries.response_id > {{ highest(this, 'response_id') }}
    {% endif %}
    group by entries.geo_id, entries.geo_name
),

names_by_age as (
    select
        geo_id,
        geo_name,
        response_id,
        row_number() over (partition by geo_id order by response_id desc, geo_name asc) as age
    from names_of_areas
)

select
    geo_id,
    geo_name,
    response_id
from names_by_age
where age = 1

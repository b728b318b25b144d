{{ config(materialized='view') }}

with names_by_age as (
    select
        indicator_id,
        indicator_name,
        response_id,
        row_number() over (partition by indicator_id order by extracted_at_utc desc, response_id desc) as age
    from {{ ref('stg_esios__indicator_responses') }}
    where indicator_name is not null
)

select
    indicator_id,
    indicator_name,
    response_id
from names_by_age
where age = 1

with offered as (
    select
        indicator_id,
        name,
        short_name,
        description
    from {{ ref('stg_esios__catalogue_entries') }}
    where is_offered = 1
),

registered as (
    select id as indicator_id
    from {{ ref('esios_indicators') }}
)

select
    offered.indicator_id,
    offered.name,
    offered.short_name,
    offered.description,
    case when registered.indicator_id is null then 0 else 1 end as is_registered
from offered
left join registered on offered.indicator_id = registered.indicator_id

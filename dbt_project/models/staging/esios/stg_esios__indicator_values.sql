{{ config(materialized='view') }}

select
    staged.response_id,
    staged.indicator_id,
    answered.indicator_name,
    staged.period_start_utc,
    staged.value,
    answered.values_updated_at_utc,
    answered.extracted_at_utc
from {{ ref('stg_esios__response_values') }} as staged
inner join {{ ref('stg_esios__indicator_responses') }} as answered
    on staged.response_id = answered.response_id
{{ join_registry('staged') }}
where {{ rejected_because('staged', 'registered', 'areas', 'cadences') }} is null

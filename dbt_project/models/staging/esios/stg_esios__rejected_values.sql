{{ config(materialized='view') }}

with judged_values as (
    select
        staged.response_id,
        staged.indicator_id,
        staged.geo_id,
        staged.period_start_utc,
        staged.datetime_text,
        staged.value_text,
        answered.run_id,
        answered.extracted_at_utc,
        {{ rejected_because('staged', 'registered') }} as rejected_because
    from {{ ref('stg_esios__response_values') }} as staged
    inner join {{ ref('stg_esios__indicator_responses') }} as answered
        on staged.response_id = answered.response_id
    left join {{ ref('esios_indicators') }} as registered
        on staged.indicator_id = registered.id
)

select
    response_id,
    indicator_id,
    geo_id,
    period_start_utc,
    datetime_text,
    value_text,
    rejected_because,
    run_id,
    extracted_at_utc
from judged_values
where rejected_because is not null

{#- An hour that vanishes from a later response. The rule is in period_checks.sql. -#}
select
    checks.indicator_id as id,
    checks.period_start_utc as datetime,
    checks.value as demand_forecast,
    confirming.extracted_at_utc as last_good_extracted_at_utc,
    checks.withdrawn_at_utc,
    checks.geo_id,
    cast('withdrawn' as {{ type_code(30) }}) as code
from {{ ref('period_checks') }} as checks
inner join {{ ref('esios_indicators') }} as registered
    on checks.indicator_id = registered.id
inner join {{ ref('stg_esios__indicator_responses') }} as confirming
    on checks.confirmed_response_id = confirming.response_id
where registered.role = 'demand_forecast'
    and checks.has_finding = 1
    and checks.withdrawn_at_utc is not null

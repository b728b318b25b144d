select
    checks.indicator_id as id,
    checks.period_start_utc as datetime,
    checks.value,
    checks.geo_id,
    cast(
        case when checks.out_of_range is not null then 'out_of_range' when checks.spike is not null then 'spike' else 'step' end
        as {{ type_code(30) }}
    ) as code,
    case when checks.out_of_range is not null then 'out of range' else 'step too large' end as reason
from {{ ref('period_checks') }} as checks
inner join {{ ref('esios_indicators') }} as registered
    on checks.indicator_id = registered.id
where registered.role = 'demand_forecast'
    and checks.has_finding = 1
    and coalesce(checks.out_of_range, checks.spike, checks.step) is not null

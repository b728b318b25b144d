select
    gaps.indicator_id as id,
    gaps.first_period_utc as gap_start_utc,
    gaps.last_period_utc as gap_end_utc,
    cast(gaps.number as {{ type_whole() }}) as hours,
    gaps.geo_id,
    gaps.code
from {{ ref('quality_findings') }} as gaps
inner join {{ ref('esios_indicators') }} as registered
    on gaps.indicator_id = registered.id
where registered.role = 'demand_forecast'
    and gaps.code = 'missing'

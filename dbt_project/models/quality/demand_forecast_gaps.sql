{#- From the missing periods alone, as quality_findings has them: to ask for the gaps opens no entry. -#}
with missing_findings as (
    {{ missing_findings() }}
),

{{ stretches_of('missing_findings') }}

select
    gaps.indicator_id as id,
    gaps.first_period_utc as gap_start_utc,
    gaps.last_period_utc as gap_end_utc,
    cast(gaps.number as {{ type_whole() }}) as hours,
    gaps.geo_id,
    cast(gaps.code as {{ type_code(30) }}) as code
from stretches as gaps
inner join {{ ref('esios_indicators') }} as registered
    on gaps.indicator_id = registered.id
where registered.role = 'demand_forecast'

with {{ stretches_of(ref('period_findings'), kept=['severity']) }}

select
    indicator_id,
    geo_id,
    first_period_utc,
    last_period_utc,
    cast(periods as {{ type_whole() }}) as periods,
    code,
    severity,
    number
from stretches

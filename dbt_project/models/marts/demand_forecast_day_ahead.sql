{#- An example of what was known then: copy it with another rule. -#}
select
    known.indicator_id as id,
    known.geo_id,
    known.period_start_utc as datetime,
    known.value as demand_forecast,
    known.known_from_utc,
    known.cutoff_utc,
    known.lead_hours
from {{ known_before('D-1T12:00') }} as known
inner join {{ ref('esios_indicators') }} as registered
    on known.indicator_id = registered.id
where registered.role = 'demand_forecast'

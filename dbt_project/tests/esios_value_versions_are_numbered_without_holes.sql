{#- Error: 1, 2, 3 … to as many as there are. -#}
select
    indicator_id,
    geo_id,
    period_start_utc,
    min(version) as first_version,
    max(version) as last_version,
    count(*) as versions
from {{ ref('esios_value_versions') }}
group by indicator_id, geo_id, period_start_utc
having min(version) <> 1 or max(version) <> count(*)

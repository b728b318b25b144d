{#- Error: without a newest version a period has no value, with two it has two. -#}
select
    indicator_id,
    geo_id,
    period_start_utc,
    sum(case when known_until_utc is null then 1 else 0 end) as newest_versions
from {{ ref('esios_value_versions') }}
group by indicator_id, geo_id, period_start_utc
having sum(case when known_until_utc is null then 1 else 0 end) <> 1

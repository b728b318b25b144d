{#- Error: of each period the versions are 1, 2, 3 … to as many as there are, one of them is the newest (without it the period
    has no value, with two it has two), and nothing is null. A number that comes twice leaves out another, and of the one
    before that esios_value_versions_do_not_overlap finds no next: together they prove the key. Most periods have one
    version: there counting is enough, of the days that the last build wrote. -#}
{%- set days = days_built_last() -%}
{%- set filled = [
    'indicator_id', 'geo_id', 'period_start_utc', 'period_end_utc', 'version', 'value', 'known_from_utc', 'response_id'
] -%}
select
    versions.indicator_id,
    versions.geo_id,
    versions.period_start_utc,
    1 as first_version,
    1 as last_version,
    count(*) as versions,
    count(*) as newest_versions,
    0 as versions_with_null
from {{ ref('esios_value_versions') }} as versions
where versions.version = 1
    and versions.known_until_utc is null
    and {{ within_days('versions', 'period_start_utc', days, type_instant()) if days is not none else '1 = 1' }}
group by versions.indicator_id, versions.geo_id, versions.period_start_utc
having count(*) > 1
union all
select
    indicator_id,
    geo_id,
    period_start_utc,
    min(version) as first_version,
    max(version) as last_version,
    count(*) as versions,
    sum(case when known_until_utc is null then 1 else 0 end) as newest_versions,
    {{ rows_with_null(filled) }} as versions_with_null
from {{ ref('esios_value_versions') }}
where version <> 1
    or known_until_utc is not null
    or {{ filled | join(' is null or ') }} is null
group by indicator_id, geo_id, period_start_utc
having min(version) <> 1
    or max(version) <> count(*)
    or sum(case when known_until_utc is null then 1 else 0 end) <> 1
    or {{ rows_with_null(filled) }} > 0

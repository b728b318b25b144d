{#- Adjoining periods with the same code are one finding, also across midnight; a finding about a whole day is one a day. -#}
{%- set of_whole_days = "('shifted', 'late')" -%}
with findings_in_order as (
    select
        *,
        lag(period_end_utc) over (partition by indicator_id, geo_id, code order by period_start_utc) as end_before_utc
    from {{ ref('period_findings') }}
),

numbered_findings as (
    select
        *,
        sum(case when end_before_utc = period_start_utc and code not in {{ of_whole_days }} then 0 else 1 end) over (
            partition by indicator_id, geo_id, code
            order by period_start_utc
            rows between unbounded preceding and current row
        ) as stretch
    from findings_in_order
),

stretches as (
    select
        indicator_id,
        geo_id,
        code,
        severity,
        min(period_start_utc) as first_period_utc,
        max(last_period_utc) as last_period_utc,
        sum(periods) as periods,
        {#- Missing hours are added up; of anything else the largest is given. #}
        case when code = 'missing' then sum(number) else max(number) end as number
    from numbered_findings
    group by indicator_id, geo_id, code, severity, stretch
)

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

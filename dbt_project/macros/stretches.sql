{#- Findings of periods, and how those of adjoining ones become one. -#}

{% macro findings_of_periods(code, number, rows, condition=none) %}
    {#- Query of the findings of one code, each about one period; `number` is what the code says of it. -#}
    select
        indicator_id,
        geo_id,
        madrid_day,
        period_start_utc,
        period_end_utc,
        period_start_utc as last_period_utc,
        1 as periods,
        '{{ code }}' as code,
        {{ number }} as number
    from {{ rows }}
    {% if condition %}
    where {{ condition }}
    {% endif %}
{% endmacro %}

{% macro missing_findings() %}
    {#- Query of the missing periods as findings. -#}
    {{ findings_of_periods('missing', hours_between('period_start_utc', 'period_end_utc'), ref('missing_periods')) }}
{% endmacro %}

{% macro stretches_of(findings, kept=[]) %}
    {#- CTEs, the last of which is `stretches`: adjoining periods with the same code are one finding, also across midnight; a
        finding about a whole day is one a day. `kept`: further columns that follow from the code. -#}
{%- set of_whole_days = "('shifted', 'late')" -%}
findings_in_order as (
    select
        *,
        lag(period_end_utc) over (partition by indicator_id, geo_id, code order by period_start_utc) as end_before_utc
    from {{ findings }}
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
        {{ (['indicator_id', 'geo_id', 'code'] + kept) | join(', ') }},
        min(period_start_utc) as first_period_utc,
        max(last_period_utc) as last_period_utc,
        sum(periods) as periods,
        {#- Missing hours are added up; of anything else the largest is given. #}
        case when code = 'missing' then sum(number) else max(number) end as number
    from numbered_findings
    group by {{ (['indicator_id', 'geo_id', 'code', 'stretch'] + kept) | join(', ') }}
)
{%- endmacro %}

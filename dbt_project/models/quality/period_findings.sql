{#- One home for what is a finding and how grave it is: each code with the column that holds its number. Where both a period
    and its week call it a sum of four, it is one finding. -#}
with findings as (
    {{ missing_findings() }}
    {% for code, number in [
        ('out_of_range', 'out_of_range'), ('sum_of_four', 'sum_of_four'), ('spike', 'spike'), ('step', 'step'), ('flat', 'flat'),
        ('revised', 'revised'), ('withdrawn', 'case when withdrawn_at_utc is not null then value end')
    ] %}
    union all
    {{ findings_of_periods(code, number, ref('period_checks'), 'has_finding = 1 and (' ~ number ~ ') is not null') }}
    {% endfor %}
    union all
    {{ findings_of_periods(
        'unlike_last_week', 'unlike_last_week', ref('week_checks'), 'has_finding = 1 and unlike_last_week is not null'
    ) }}
    union all
    select
        weeks.indicator_id,
        weeks.geo_id,
        weeks.madrid_day,
        weeks.period_start_utc,
        weeks.period_end_utc,
        weeks.period_start_utc as last_period_utc,
        1 as periods,
        'sum_of_four' as code,
        weeks.sum_of_four as number
    from {{ ref('week_checks') }} as weeks
    inner join {{ ref('period_checks') }} as checks
        on {{ same_period('weeks', 'checks') }}
    where weeks.has_finding = 1
        and weeks.sum_of_four is not null
        and checks.sum_of_four is null
    {% for code, number in [('shifted', '100 * shifted'), ('late', 'late')] %}
    union all
    select
        indicator_id,
        geo_id,
        madrid_day,
        first_period_utc as period_start_utc,
        last_period_end_utc as period_end_utc,
        last_period_utc,
        periods_there as periods,
        '{{ code }}' as code,
        {{ number }} as number
    from {{ ref('daily_measures') }}
    where has_finding = 1
        and {{ code }} is not null
    {% endfor %}
    union all
    {#- An entry without an area may be of any area; one whose time cannot be read has no day. #}
    select
        quarantined.indicator_id,
        coalesce(quarantined.geo_id, days.geo_id) as geo_id,
        days.madrid_day,
        quarantined.period_start_utc,
        quarantined.period_start_utc as period_end_utc,
        quarantined.period_start_utc as last_period_utc,
        count(*) as periods,
        quarantined.code,
        cast(count(*) as {{ type_number() }}) as number
    from {{ ref('stg_esios__rejected_values') }} as quarantined
    left join {{ ref('daily_measures') }} as days
        on quarantined.indicator_id = days.indicator_id
            and coalesce(quarantined.geo_id, days.geo_id) = days.geo_id
            and {{ day_of(to_madrid('quarantined.period_start_utc')) }} = days.madrid_day
    where quarantined.is_superseded = 0
    group by
        quarantined.indicator_id, coalesce(quarantined.geo_id, days.geo_id), days.madrid_day, quarantined.period_start_utc,
        quarantined.code
)

select
    indicator_id,
    geo_id,
    madrid_day,
    period_start_utc,
    period_end_utc,
    last_period_utc,
    cast(periods as {{ type_whole() }}) as periods,
    cast(code as {{ type_code(30) }}) as code,
    cast(case when code in ('missing', 'sum_of_four', 'out_of_range') then 'bad' else 'suspect' end as {{ type_code(10) }}) as severity,
    cast(number as {{ type_number() }}) as number
from findings

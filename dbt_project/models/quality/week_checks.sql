-- depends_on: {{ ref('stg_esios__response_entries') }}
{{ config(
    materialized='incremental',
    incremental_strategy=replacing_by_key(),
    unique_key=['indicator_id', 'madrid_day'],
    on_schema_change='append_new_columns',
    pre_hook='{{ delete_days_to_rebuild(this) }}',
    indexes=clustered_on(['indicator_id', 'geo_id', 'period_start_utc'], unique=true)
    + indexed_on(['indicator_id', 'madrid_day'])
    + indexed_on(['has_finding', 'indicator_id', 'geo_id', 'period_start_utc'])
    + indexed_on(['judgement', 'indicator_id'], included=['madrid_day'])
) }}

{#- A bad value makes the same hours of the next week look unlike it. So an odd period is not a yardstick: the week before
    the judged days is itself compared with the one before that. A day affects the next two weeks. -#}
{%- set changes = judged_days(ref('period_checks'), highest(this, 'judgement')) if is_incremental() else '' -%}
{%- set days = days_near(changes, 16) if is_incremental() else [] -%}
{%- set of_day = ['indicator_id', 'geo_id', 'madrid_day'] -%}
with periods_near as (
    select checks.*
    from {{ ref('period_checks') }} as checks
    {% if is_incremental() %}
    where {{ within_days('checks', 'madrid_day', days, 'date') }}
    {% endif %}
),

{% if is_incremental() %}
days_to_compare as (
    select
        changed.indicator_id,
        {{ add_days('changed.madrid_day', 'weeks.days_later') }} as madrid_day,
        max(case when weeks.days_later >= 0 then 1 else 0 end) as is_to_judge
    from ({{ changes }}) as changed
    cross join (values (-7), (0), (7), (14)) as weeks (days_later)
    group by changed.indicator_id, {{ add_days('changed.madrid_day', 'weeks.days_later') }}
),

{% endif %}
faulty_days as (
    {#- A day with three hours out of range has others that only look plausible. #}
    select
        indicator_id,
        geo_id,
        madrid_day
    from periods_near
    where out_of_range is not null
    group by indicator_id, geo_id, madrid_day
    having sum({{ hours_between('period_start_utc', 'period_end_utc') }}) >= 3
),

yardsticks as (
    {#- By the clocks of Madrid, so that a change of the clocks shifts nothing; the hour that comes twice in autumn is one. #}
    select
        periods.indicator_id,
        periods.geo_id,
        {{ add_hours('periods.datetime_local', 168) }} as datetime_local,
        avg(periods.value) as value
    from periods_near as periods
    left join faulty_days
        on {{ same_day('periods', 'faulty_days') }}
    where periods.out_of_range is null
        and periods.spike is null
        and faulty_days.madrid_day is null
    group by periods.indicator_id, periods.geo_id, periods.datetime_local
),

differences as (
    {#- A period that cannot be compared keeps a row, which replaces its earlier one. #}
    select
        here.indicator_id,
        here.geo_id,
        here.madrid_day,
        here.period_start_utc,
        here.period_end_utc,
        here.datetime_local,
        here.value,
        yardsticks.value as value_a_week_ago,
        {{ 'days.is_to_judge,' if is_incremental() }}
        here.value - yardsticks.value as difference,
        case when yardsticks.value > 0 and here.value / nullif(yardsticks.value, 0) between 3.6 and 4.4 then 1 else 0 end as is_four_times
    from periods_near as here
    left join yardsticks
        on here.indicator_id = yardsticks.indicator_id
            and here.geo_id = yardsticks.geo_id
            and here.datetime_local = yardsticks.datetime_local
    {% if is_incremental() %}
    inner join days_to_compare as days
        on here.indicator_id = days.indicator_id
            and here.madrid_day = days.madrid_day
    {% endif %}
),

usual_differences as (
    {{ medians('differences', of_day, 'difference', 'usual_difference') }}
),

compared_days as (
    {#- Half a day is too short for a day's usual spread. #}
    select
        indicator_id,
        geo_id,
        madrid_day,
        count(value_a_week_ago) as compared,
        sum(is_four_times) as four_times,
        sum(case when value_a_week_ago is not null then value end) as total,
        sum(value_a_week_ago) as total_a_week_ago
    from differences
    group by indicator_id, geo_id, madrid_day
    having sum(case when value_a_week_ago is not null then {{ hours_between('period_start_utc', 'period_end_utc') }} end) >= 12
),

deviations as (
    select
        differences.*,
        days.compared,
        days.four_times,
        case
            when abs(days.total_a_week_ago) >= 1 then (days.total - days.total_a_week_ago) / abs(days.total_a_week_ago)
        end as week_change,
        abs(differences.difference - usual.usual_difference) as deviation
    from differences
    left join compared_days as days
        on {{ same_day('differences', 'days') }}
            and differences.difference is not null
    left join usual_differences as usual
        on {{ same_day('days', 'usual') }}
),

usual_deviations as (
    {{ medians('deviations', of_day, 'deviation', 'usual_deviation') }}
),

compared_periods as (
    {#- 1.4826: the standard deviation of a normal distribution in terms of its MAD. #}
    select
        deviations.*,
        registered.weekly_z_max,
        deviations.deviation / nullif(
            case
                when 1.4826 * usual.usual_deviation > registered.weekly_scale_min then 1.4826 * usual.usual_deviation
                else registered.weekly_scale_min
            end, 0
        ) as z,
        case when abs(deviations.week_change) > registered.weekly_change_max then deviations.week_change end as shifted,
        {#- Only if weeks are comparable: a price may well be four times last week's. #}
        case
            when registered.weekly_change_max is not null
                and deviations.is_four_times = 1
                and 4 * deviations.four_times >= 3 * deviations.compared
                then deviations.value
        end as sum_of_four
    from deviations
    inner join {{ ref('esios_indicators') }} as registered
        on deviations.indicator_id = registered.id
    left join usual_deviations as usual
        on {{ same_day('deviations', 'usual') }}
),

odd_yardsticks as (
    select
        indicator_id,
        geo_id,
        {{ add_hours('datetime_local', 168) }} as datetime_local,
        max(case when shifted is null then 0 else 1 end) as is_shifted
    from compared_periods
    where shifted is not null
        or z > weekly_z_max
    group by indicator_id, geo_id, datetime_local
),

judged_periods as (
    select
        here.indicator_id,
        here.geo_id,
        here.period_start_utc,
        here.period_end_utc,
        here.madrid_day,
        cast(case when here.compared is not null then here.value_a_week_ago end as {{ type_number() }}) as value_a_week_ago,
        cast(case when odd.is_shifted is null then here.z end as {{ type_number() }}) as z,
        cast(case when odd.is_shifted is null and here.z > here.weekly_z_max then here.z end as {{ type_number() }}) as unlike_last_week,
        cast(case when coalesce(odd.is_shifted, 0) = 0 then here.sum_of_four end as {{ type_number() }}) as sum_of_four,
        cast(case when coalesce(odd.is_shifted, 0) = 0 then here.shifted end as {{ type_number() }}) as shifted,
        cast(case when coalesce(odd.is_shifted, 0) = 0 then here.week_change end as {{ type_number() }}) as week_change
    from compared_periods as here
    left join odd_yardsticks as odd
        on here.indicator_id = odd.indicator_id
            and here.geo_id = odd.geo_id
            and here.datetime_local = odd.datetime_local
    {{ 'where here.is_to_judge = 1' if is_incremental() }}
)

select
    *,
    cast({{ newest_judgement(ref('period_checks')) }} as {{ type_counter() }}) as judgement,
    case when coalesce(unlike_last_week, sum_of_four, shifted) is null then 0 else 1 end as has_finding
from judged_periods

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

{#- A fault makes the same hours of the next week unlike it. So what was odd is no yardstick: of the days to judge, the week
    before is itself compared with the one before that. A day bears on the next two weeks. -#}
{%- set judged = highest(this, 'judgement') if is_incremental() else 0 -%}
{%- set weeks = '(0), (7), (14)' if is_incremental() else '(0)' -%}
{%- set days = days_near(judged_days(judged), 16) if is_incremental() else [] -%}
{%- set of_day = 'partition by indicator_id, geo_id, madrid_day' -%}
with periods_near as (
    select
        checks.*,
        sum(case when checks.out_of_range is not null then {{ hours_between('checks.period_start_utc', 'checks.period_end_utc') }} end)
            over (partition by checks.indicator_id, checks.geo_id, checks.madrid_day) as hours_out_of_range
    from {{ ref('period_checks') }} as checks
    {% if is_incremental() %}
    where {{ within_days('checks', 'madrid_day', days, 'date') }}
    {% endif %}
),

days_to_judge as (
    select distinct
        changed.indicator_id,
        {{ add_days('changed.madrid_day', 'weeks.days_later') }} as madrid_day
    from ({{ judged_days(judged) }}) as changed
    cross join (values {{ weeks }}) as weeks (days_later)
),

days_to_compare as (
    select
        indicator_id,
        madrid_day
    from days_to_judge
    union
    select
        indicator_id,
        {{ add_days('madrid_day', -7) }} as madrid_day
    from days_to_judge
),

yardsticks as (
    {#- By the clocks of Madrid, so that a change of the clocks shifts nothing; the hour that comes twice is one. A day with
        three hours out of range has others that only look plausible: no hour of it is a yardstick. #}
    select
        indicator_id,
        geo_id,
        {{ add_hours('datetime_local', 168) }} as datetime_local,
        avg(value) as value
    from periods_near
    where out_of_range is null
        and spike is null
        and coalesce(hours_out_of_range, 0) < 3
    group by indicator_id, geo_id, datetime_local
),

differences as (
    select
        here.indicator_id,
        here.geo_id,
        here.madrid_day,
        here.period_start_utc,
        here.period_end_utc,
        here.datetime_local,
        here.value,
        yardsticks.value as value_a_week_ago,
        here.value - yardsticks.value as difference,
        case when yardsticks.value > 0 and here.value / nullif(yardsticks.value, 0) between 3.6 and 4.4 then 1 else 0 end as is_four_times
    from periods_near as here
    inner join days_to_compare
        on here.indicator_id = days_to_compare.indicator_id
            and here.madrid_day = days_to_compare.madrid_day
    inner join yardsticks
        on here.indicator_id = yardsticks.indicator_id
            and here.geo_id = yardsticks.geo_id
            and here.datetime_local = yardsticks.datetime_local
),

ranked_differences as (
    select
        *,
        row_number() over ({{ of_day }} order by difference, period_start_utc) as place,
        count(*) over ({{ of_day }}) as compared,
        sum({{ hours_between('period_start_utc', 'period_end_utc') }}) over ({{ of_day }}) as hours_compared,
        sum(is_four_times) over ({{ of_day }}) as four_times,
        sum(value) over ({{ of_day }}) as total,
        sum(value_a_week_ago) over ({{ of_day }}) as total_a_week_ago
    from differences
),

deviations as (
    select
        *,
        abs(difference - avg(case when 2 * place between compared and compared + 2 then difference end) over ({{ of_day }})) as deviation
    from ranked_differences
    {#- Half a day is too little to tell a day's usual spread. #}
    where hours_compared >= 12
),

ranked_deviations as (
    select
        *,
        row_number() over ({{ of_day }} order by deviation, period_start_utc) as place_of_deviation
    from deviations
),

spreads as (
    {#- 1.4826: the standard deviation of a normal distribution in terms of its MAD. #}
    select
        *,
        1.4826 * avg(case when 2 * place_of_deviation between compared and compared + 2 then deviation end) over ({{ of_day }}) as spread,
        case when abs(total_a_week_ago) >= 1 then (total - total_a_week_ago) / abs(total_a_week_ago) end as week_change
    from ranked_deviations
),

compared_periods as (
    select
        spreads.*,
        registered.weekly_z_max,
        spreads.deviation / nullif(
            case when spreads.spread > registered.weekly_scale_min then spreads.spread else registered.weekly_scale_min end, 0
        ) as z,
        case when abs(spreads.week_change) > registered.weekly_change_max then spreads.week_change end as shifted,
        {#- Only where weeks are comparable: a price may well be four times last week's. #}
        case
            when registered.weekly_change_max is not null and spreads.is_four_times = 1 and 4 * spreads.four_times >= 3 * spreads.compared
                then spreads.value
        end as sum_of_four
    from spreads
    inner join {{ ref('esios_indicators') }} as registered
        on spreads.indicator_id = registered.id
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
    {#- What could not be compared has a row too: it takes the place of what was said before. #}
    select
        periods.indicator_id,
        periods.geo_id,
        periods.period_start_utc,
        periods.period_end_utc,
        periods.madrid_day,
        here.value_a_week_ago,
        case when odd.is_shifted is null and here.z > here.weekly_z_max then here.z end as unlike_last_week,
        case when odd.is_shifted is null then here.z end as z,
        case when coalesce(odd.is_shifted, 0) = 0 then here.sum_of_four end as sum_of_four,
        case when coalesce(odd.is_shifted, 0) = 0 then here.shifted end as shifted,
        case when coalesce(odd.is_shifted, 0) = 0 then here.week_change end as week_change
    from periods_near as periods
    {% if is_incremental() %}
    inner join days_to_judge
        on periods.indicator_id = days_to_judge.indicator_id
            and periods.madrid_day = days_to_judge.madrid_day
    {% endif %}
    left join compared_periods as here
        on periods.indicator_id = here.indicator_id
            and periods.geo_id = here.geo_id
            and periods.period_start_utc = here.period_start_utc
    left join odd_yardsticks as odd
        on here.indicator_id = odd.indicator_id
            and here.geo_id = odd.geo_id
            and here.datetime_local = odd.datetime_local
)

select
    indicator_id,
    geo_id,
    period_start_utc,
    period_end_utc,
    madrid_day,
    cast(value_a_week_ago as {{ type_number() }}) as value_a_week_ago,
    cast(z as {{ type_number() }}) as z,
    cast(unlike_last_week as {{ type_number() }}) as unlike_last_week,
    cast(sum_of_four as {{ type_number() }}) as sum_of_four,
    cast(shifted as {{ type_number() }}) as shifted,
    cast(week_change as {{ type_number() }}) as week_change,
    cast({{ newest_judgement(ref('period_checks')) }} as {{ type_counter() }}) as judgement,
    case when coalesce(unlike_last_week, sum_of_four, shifted) is null then 0 else 1 end as has_finding
from judged_periods

-- depends_on: {{ ref('stg_esios__response_entries') }}
{{ config(
    materialized='incremental',
    incremental_strategy=replacing_by_key(),
    unique_key=['indicator_id', 'madrid_day'],
    on_schema_change='append_new_columns',
    partition_by=in_parts_by_month('madrid_day'),
    pre_hook='{{ delete_days_to_rebuild(this) }}',
    indexes=clustered_on(['indicator_id', 'geo_id', 'period_start_utc'], unique=true)
    + indexed_on(['indicator_id', 'madrid_day'])
    + indexed_on(['has_finding', 'indicator_id', 'geo_id', 'period_start_utc'])
    + indexed_on(['judgement', 'indicator_id'], included=['madrid_day']),
    meta={'slices': {'rows_of': 'period_checks', 'time': 'madrid_day', 'counter': 'judgement'}}
) }}

{#- A bad value makes the same hours of the next week look unlike it. So an odd period is not a yardstick: the week before
    the judged days is itself compared with the one before that. A day affects the next two weeks. -#}
{%- set changes = judged_days(ref('period_checks'), highest(this, 'judgement')) if is_incremental() else '' -%}
{%- set days = days_near(changes, 16) if is_incremental() else none -%}
{%- set is_near = in_slice('periods.madrid_day', 'date', 16) -%}
{%- if is_incremental() -%}{%- set is_near = is_near ~ ' and ' ~ within_days('periods', 'madrid_day', days, 'date') -%}{%- endif -%}
{#- With the day, as in same_period. -#}
{%- set of_clock = ['indicator_id', 'geo_id', 'madrid_day', 'datetime_local'] -%}
{%- set z = '(abs(here.difference - weeks.usual_difference) / nullif(weeks.scale, 0))' -%}
{%- set is_shifted = 'abs(weeks.week_change) > weeks.weekly_change_max' -%}
with
{% if is_incremental() %}
days_to_compare as (
    select
        changed.indicator_id,
        {{ add_days('changed.madrid_day', 'weeks.days_later') }} as madrid_day,
        sum(case when weeks.days_later >= 0 then 1 else 0 end) as times_to_judge
    from ({{ changes }}) as changed
    cross join (values (-7), (0), (7), (14)) as weeks (days_later)
    group by changed.indicator_id, {{ add_days('changed.madrid_day', 'weeks.days_later') }}
),

{% endif %}
faulty_days as (
    {#- A day with three hours out of range has others that only look plausible. #}
    select
        periods.indicator_id,
        periods.geo_id,
        periods.madrid_day
    from {{ ref('period_checks') }} as periods
    where periods.out_of_range is not null
        and {{ is_near }}
    group by periods.indicator_id, periods.geo_id, periods.madrid_day
    having sum({{ hours_between('periods.period_start_utc', 'periods.period_end_utc') }}) >= 3
),

plausible_periods as (
    {#- By the clocks of Madrid, so that a change of the clocks shifts nothing. #}
    select
        periods.indicator_id,
        periods.geo_id,
        periods.value,
        {{ add_days('periods.madrid_day', 7) }} as madrid_day,
        {{ add_hours('periods.datetime_local', 168) }} as datetime_local,
        {{ comes_twice('periods.period_start_utc', 'periods.datetime_local') }} as comes_twice
    from {{ ref('period_checks') }} as periods
    left join faulty_days
        on {{ same_day('periods', 'faulty_days') }}
    where periods.out_of_range is null
        and periods.spike is null
        and faulty_days.madrid_day is null
        and {{ is_near }}
),

yardsticks as (
    {#- Only the hour that comes twice in autumn needs a mean. #}
    select
        {{ of_clock | join(', ') }},
        value
    from plausible_periods
    where comes_twice = 0
    union all
    select
        {{ of_clock | join(', ') }},
        avg(value) as value
    from plausible_periods
    where comes_twice = 1
    group by {{ of_clock | join(', ') }}
),

compared_periods as (
    {#- A period that cannot be compared keeps a row, which replaces its earlier one. #}
    select
        periods.*,
        {{ 'days.times_to_judge,' if is_incremental() }}
        yardsticks.value as value_a_week_ago,
        periods.value - yardsticks.value as difference,
        case
            when yardsticks.value > 0 and periods.value / nullif(yardsticks.value, 0) between 3.6e0 and 4.4e0 then 1
            else 0
        end as is_four_times
    from {{ ref('period_checks') }} as periods
    left join yardsticks
        on {{ same('periods', 'yardsticks', of_clock) }}
    {% if is_incremental() %}
    inner join days_to_compare as days
        on periods.indicator_id = days.indicator_id
            and periods.madrid_day = days.madrid_day
    {% endif %}
    where {{ is_near }}
){{ written_once('compared_periods') }},

compared_days as (
    {{ medians('compared_periods', ['indicator_id', 'geo_id', 'madrid_day'], 'difference', 'usual_difference', 'usual_deviation', {
        'compared': 'count(difference)',
        'hours': 'sum(case when difference is not null then ' ~ hours_between('period_start_utc', 'period_end_utc') ~ ' end)',
        'four_times': 'sum(is_four_times)',
        'total': 'sum(case when difference is not null then value end)',
        'total_a_week_ago': 'sum(value_a_week_ago)'
    }) }}
),

weeks as (
    {#- 1.4826: the standard deviation of a normal distribution in terms of its MAD. #}
    select
        days.indicator_id,
        days.geo_id,
        days.madrid_day,
        days.usual_difference,
        registered.weekly_z_max,
        registered.weekly_change_max,
        case
            when 1.4826e0 * days.usual_deviation > registered.weekly_scale_min then 1.4826e0 * days.usual_deviation
            else registered.weekly_scale_min
        end as scale,
        case
            when abs(days.total_a_week_ago) >= 1 then (days.total - days.total_a_week_ago) / abs(days.total_a_week_ago)
        end as week_change,
        {#- Of a price no week is like another: it may well be four times last week's. #}
        case when registered.weekly_change_max is not null and 4 * days.four_times >= 3 * days.compared then 1 else 0 end as is_four_times
    from compared_days as days
    inner join {{ ref('esios_indicators') }} as registered
        on days.indicator_id = registered.id
    {#- Half a day is too little for a usual spread. #}
    where days.hours >= 12
),

odd_yardsticks as (
    select
        here.indicator_id,
        here.geo_id,
        {{ add_days('here.madrid_day', 7) }} as madrid_day,
        {{ add_hours('here.datetime_local', 168) }} as datetime_local,
        max(case when {{ is_shifted }} then 1 else 0 end) as is_shifted
    from compared_periods as here
    inner join weeks
        on {{ same_day('here', 'weeks') }}
    where here.difference is not null
        and ({{ is_shifted }} or {{ z }} > weeks.weekly_z_max)
    group by here.indicator_id, here.geo_id, here.madrid_day, here.datetime_local
),

judged_periods as (
    select
        here.indicator_id,
        here.geo_id,
        here.period_start_utc,
        here.period_end_utc,
        here.madrid_day,
        cast(case when weeks.madrid_day is not null then here.value_a_week_ago end as {{ type_number() }}) as value_a_week_ago,
        cast(case when odd.is_shifted is null then {{ z }} end as {{ type_number() }}) as z,
        cast(case when odd.is_shifted is null and {{ z }} > weeks.weekly_z_max then {{ z }} end as {{ type_number() }}) as unlike_last_week,
        cast(
            case when coalesce(odd.is_shifted, 0) = 0 and here.is_four_times = 1 and weeks.is_four_times = 1 then here.value end
            as {{ type_number() }}
        ) as sum_of_four,
        cast(case when coalesce(odd.is_shifted, 0) = 0 and {{ is_shifted }} then weeks.week_change end as {{ type_number() }}) as shifted,
        cast(case when coalesce(odd.is_shifted, 0) = 0 then weeks.week_change end as {{ type_number() }}) as week_change
    from compared_periods as here
    left join weeks
        on {{ same_day('here', 'weeks') }}
            and here.difference is not null
    left join odd_yardsticks as odd
        on {{ same('here', 'odd', of_clock) }}
    where {{ in_slice('here.madrid_day', 'date') }}
    {{ 'and here.times_to_judge > 0' if is_incremental() }}
)

select
    *,
    cast({{ newest_judgement(ref('period_checks')) }} as {{ type_counter() }}) as judgement,
    case when coalesce(unlike_last_week, sum_of_four, shifted) is null then 0 else 1 end as has_finding
from judged_periods

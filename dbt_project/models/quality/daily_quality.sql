{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['indicator_id', 'madrid_day'],
    on_schema_change='append_new_columns',
    indexes=clustered_on(['indicator_id', 'madrid_day'], unique=true)
    + indexed_on(['indicator_id', 'newest_response_id'])
    + indexed_on(['checks_judged', 'last_checked_at_utc']),
    post_hook='delete from {{ this }} where due_until_utc is null and values_there = 0'
) }}

{#- Work in proportion to what is new: the days of new answers, those that they are compared with, and the days that new
    questions have made due, or that were forgotten. What is due of a day, and its newest answer, otherwise only ever grow,
    so what was known of it is enough: no older answer or check is read again. A forgotten day that holds no value is taken
    out by the hook. Thresholds come from the registry; a threshold that is null judges nothing. -#}
{%- set known_checks = [none, 0] -%}
{%- if is_incremental() -%}
    {%- set newest_answer = highest_of_indicator(ref('stg_esios__indicator_responses'), 'response_id') -%}
    {%- set behind = indicators_behind(newest_answer, highest_of_indicator(this, 'newest_response_id')) -%}
    {%- set known_checks = checks_judged(source('raw_esios', 'window_checks'), this) -%}
    {#- The days judged, a week later, and each with its neighbours; one more for the zone. -#}
    {%- set days = days_near_what_is_new(behind, known_checks, this, 9) -%}
{%- endif -%}
with new_answers as (
    select
        answers.response_id,
        answers.indicator_id,
        answers.window_start_utc,
        answers.window_end_utc,
        answers.extracted_at_utc,
        {{ day_of(to_madrid('answers.window_start_utc')) }} as first_day,
        {{ day_of(to_madrid(add_hours('answers.window_end_utc', 23))) }} as end_day
    from {{ ref('stg_esios__indicator_responses') }} as answers
    {% if is_incremental() %}
    where {{ newer_than(behind, 'answers') }}
    {% endif %}
),

new_checks as (
    select
        indicator_id,
        window_start_utc,
        window_end_utc,
        checked_at_utc
    from {{ source('raw_esios', 'window_checks') }}
    {% if known_checks[0] %}
    where checked_at_utc > {{ known_checks[0] }}
    {% endif %}
),

hours_near as (
    select
        landed.indicator_id,
        landed.period_start_utc,
        landed.datetime_local,
        landed.madrid_day,
        landed.value,
        landed.answers,
        landed.revisions,
        landed.largest_revision,
        landed.last_revised_at_utc,
        landed.first_landed_at_utc,
        landed.first_published_at_utc,
        landed.last_response_id
    from {{ ref('indicator_hours') }} as landed
    {% if is_incremental() %}
    where {{ within_days('landed', 'madrid_day', days, 'date') }}
    {% endif %}
),

checks_so_far as (
    select
        {{ known_checks[1] }} + count(*) as checks_judged,
        coalesce(max(checked_at_utc), {{ known_checks[0] or 'max(checked_at_utc)' }}) as last_checked_at_utc
    from new_checks
),

new_questions as (
    select
        indicator_id,
        window_start_utc,
        window_end_utc,
        extracted_at_utc as asked_at_utc
    from new_answers
    union all
    select
        indicator_id,
        window_start_utc,
        window_end_utc,
        checked_at_utc as asked_at_utc
    from new_checks
),

due_spans as (
    {{ due_spans('new_questions') }}
),

due_spans_in_days as (
    select
        indicator_id,
        window_start_utc,
        due_end_utc,
        {{ day_of(to_madrid('window_start_utc')) }} as first_day,
        {{ add_days(day_of(to_madrid(add_seconds('due_end_utc', -1))), 1) }} as end_day
    from due_spans
),

due_days as (
    select
        due_spans_in_days.indicator_id,
        each_day.madrid_day,
        min(due_spans_in_days.window_start_utc) as due_from_utc,
        max(due_spans_in_days.due_end_utc) as due_until_utc
    from {{ each_day('due_spans_in_days', 'first_day', 'end_day') }}
    group by due_spans_in_days.indicator_id, each_day.madrid_day
),

due_days_in_utc as (
    select
        indicator_id,
        madrid_day,
        due_from_utc,
        due_until_utc,
        {{ day_start_utc('madrid_day') }} as day_start_utc,
        {{ day_start_utc(add_days('madrid_day', 1)) }} as day_end_utc
    from due_days
),

due_hours as (
    select
        indicator_id,
        madrid_day,
        case when due_from_utc > day_start_utc then due_from_utc else day_start_utc end as due_from_utc,
        case when due_until_utc < day_end_utc then due_until_utc else day_end_utc end as due_until_utc
    from due_days_in_utc
),

known_days as (
    {#- What is due of a day, and its newest answer, before what is new is added. #}
    {% if is_incremental() %}
    select
        before.indicator_id,
        before.madrid_day,
        case when not {{ forgotten_since('before') }} then before.due_from_utc end as due_from_utc,
        case when not {{ forgotten_since('before') }} then before.due_until_utc end as due_until_utc,
        before.newest_response_id
    from {{ this }} as before
    where {{ within_days('before', 'madrid_day', days, 'date') }}
    {% else %}
    select
        indicator_id,
        madrid_day,
        due_from_utc,
        due_until_utc,
        cast(null as {{ type_counter() }}) as newest_response_id
    from due_hours
    {% endif %}
),

{% if is_incremental() %}
answered_days as (
    select distinct
        new_answers.indicator_id,
        each_day.madrid_day
    from {{ each_day('new_answers', 'first_day', 'end_day') }}
    union
    select distinct
        judged.indicator_id,
        judged.madrid_day
    from hours_near as judged
    where {{ newer_than(behind, 'judged', 'last_response_id') }}
),

touched_days as (
    select
        indicator_id,
        madrid_day
    from answered_days
    union
    {#- The next day begins with a step from this one; the day a week later is compared with it. #}
    select
        indicator_id,
        {{ add_days('madrid_day', 1) }} as madrid_day
    from answered_days
    union
    select
        indicator_id,
        {{ add_days('madrid_day', 7) }} as madrid_day
    from answered_days
    union
    select
        due_hours.indicator_id,
        due_hours.madrid_day
    from due_hours
    left join known_days as judged
        on due_hours.indicator_id = judged.indicator_id
            and due_hours.madrid_day = judged.madrid_day
    where judged.due_until_utc is null
        or judged.due_from_utc > due_hours.due_from_utc
        or judged.due_until_utc < due_hours.due_until_utc
    union
    select
        judged.indicator_id,
        judged.madrid_day
    from {{ this }} as judged
    where judged.due_until_utc is not null
        and {{ forgotten_since('judged') }}
),
{% else %}
touched_days as (
    select
        indicator_id,
        madrid_day
    from due_hours
    union
    select distinct
        indicator_id,
        madrid_day
    from hours_near
),
{% endif %}

days_to_judge as (
    select
        touched_days.indicator_id,
        touched_days.madrid_day,
        {{ day_start_utc('touched_days.madrid_day') }} as day_start_utc,
        {{ day_start_utc(add_days('touched_days.madrid_day', 1)) }} as day_end_utc,
        case
            when known.due_from_utc <= due_hours.due_from_utc then known.due_from_utc
            else coalesce(due_hours.due_from_utc, known.due_from_utc)
        end as due_from_utc,
        case
            when known.due_until_utc >= due_hours.due_until_utc then known.due_until_utc
            else coalesce(due_hours.due_until_utc, known.due_until_utc)
        end as due_until_utc,
        known.newest_response_id as known_response_id,
        registered.cadence_seconds,
        registered.revision_horizon_days,
        registered.plausible_min,
        registered.plausible_max,
        registered.plausible_step,
        registered.late_after_hours,
        registered.flat_hours_max,
        registered.weekly_scale_min,
        registered.weekly_z_max,
        registered.weekly_change_max,
        registered.revision_max
    from touched_days
    inner join {{ ref('esios_indicators') }} as registered
        on touched_days.indicator_id = registered.id
    left join due_hours
        on touched_days.indicator_id = due_hours.indicator_id
            and touched_days.madrid_day = due_hours.madrid_day
    left join known_days as known
        on touched_days.indicator_id = known.indicator_id
            and touched_days.madrid_day = known.madrid_day
    where due_hours.due_until_utc is not null
        or known.madrid_day is not null
        or exists (
            select 1
            from hours_near as landed
            where landed.indicator_id = touched_days.indicator_id
                and landed.madrid_day = touched_days.madrid_day
        )
),

needed_days as (
    {#- The days themselves, their neighbours, and both a week before: an hour is odd by its neighbours. #}
    {% for distance in [-8, -7, -6, -1, 0, 1] %}
    select
        indicator_id,
        {{ add_days('madrid_day', distance) }} as madrid_day
    from days_to_judge
    {{ 'union' if not loop.last }}
    {% endfor %}
),

hours_in_order as (
    select
        landed.indicator_id,
        landed.period_start_utc,
        landed.datetime_local,
        landed.madrid_day,
        landed.value,
        registered.cadence_seconds,
        registered.plausible_min,
        registered.plausible_max,
        registered.plausible_step,
        lag(landed.period_start_utc) over (partition by landed.indicator_id order by landed.period_start_utc) as period_before_utc,
        lag(landed.value) over (partition by landed.indicator_id order by landed.period_start_utc) as row_before,
        lead(landed.period_start_utc) over (partition by landed.indicator_id order by landed.period_start_utc) as period_after_utc,
        lead(landed.value) over (partition by landed.indicator_id order by landed.period_start_utc) as row_after
    from hours_near as landed
    inner join needed_days
        on landed.indicator_id = needed_days.indicator_id
            and landed.madrid_day = needed_days.madrid_day
    inner join {{ ref('esios_indicators') }} as registered
        on landed.indicator_id = registered.id
),

neighbouring_hours as (
    select
        indicator_id,
        period_start_utc,
        datetime_local,
        madrid_day,
        value,
        cadence_seconds,
        plausible_min,
        plausible_max,
        plausible_step,
        {#- Null across a gap: only a period apart is a step. #}
        case when period_before_utc = {{ add_seconds('period_start_utc', '-cadence_seconds') }} then row_before end as value_before,
        case when period_after_utc = {{ add_seconds('period_start_utc', 'cadence_seconds') }} then row_after end as value_after
    from hours_in_order
),

judged_hours as (
    select
        indicator_id,
        period_start_utc,
        datetime_local,
        madrid_day,
        value,
        cadence_seconds,
        case when value < plausible_min or value > plausible_max then 1 else 0 end as is_out_of_range,
        {#- Beyond all plausibility, and a quarter of it would be plausible: four quarter hours added up. #}
        case when value > plausible_max and value / 4 between plausible_min and plausible_max then 1 else 0 end as is_sum_of_four,
        {#- Far from both neighbours, on the same side: the hour itself is odd, not the change. #}
        case
            when value - value_before > plausible_step and value - value_after > plausible_step then 1
            when value_before - value > plausible_step and value_after - value > plausible_step then 1
            else 0
        end as is_spike,
        case when abs(value - value_before) > plausible_step then 1 else 0 end as is_step,
        sum(case when value = value_before then 0 else 1 end) over (
            partition by indicator_id
            order by period_start_utc
            rows between unbounded preceding and current row
        ) as run_number
    from neighbouring_hours
),

hours_with_flags as (
    select
        indicator_id,
        period_start_utc,
        datetime_local,
        madrid_day,
        value,
        cadence_seconds,
        is_out_of_range,
        is_sum_of_four,
        is_spike,
        is_step,
        case when is_out_of_range = 1 or is_spike = 1 then 1 else 0 end as is_odd,
        {#- Coming back from an odd hour is no step of its own. #}
        lag(case when is_out_of_range = 1 or is_spike = 1 then 1 else 0 end, 1, 0) over (
            partition by indicator_id
            order by period_start_utc
        ) as is_after_odd_hour,
        count(*) over (partition by indicator_id, run_number) as run_length
    from judged_hours
),

hours_of_a_week_ago as (
    {#- By the clocks of Madrid, so that a change of the clocks shifts nothing; the hour that comes twice is one. #}
    select
        indicator_id,
        {{ add_hours('datetime_local', 168) }} as datetime_local,
        avg(value) as value
    from hours_with_flags
    where is_odd = 0
    group by indicator_id, datetime_local
),

hours_against_last_week as (
    select
        here.indicator_id,
        here.madrid_day,
        here.period_start_utc,
        here.value,
        before.value as value_a_week_ago,
        here.value - before.value as difference,
        row_number() over (
            partition by here.indicator_id, here.madrid_day
            order by here.value - before.value, here.period_start_utc
        ) as rank_of_difference,
        count(*) over (partition by here.indicator_id, here.madrid_day) as compared
    from hours_with_flags as here
    inner join hours_of_a_week_ago as before
        on here.indicator_id = before.indicator_id
            and here.datetime_local = before.datetime_local
),

median_differences as (
    select
        indicator_id,
        madrid_day,
        avg(difference) as median_difference
    from hours_against_last_week
    where 2 * rank_of_difference between compared and compared + 2
    group by indicator_id, madrid_day
),

deviations as (
    select
        compared_hours.indicator_id,
        compared_hours.madrid_day,
        compared_hours.compared,
        compared_hours.value,
        compared_hours.value_a_week_ago,
        abs(compared_hours.difference - median_differences.median_difference) as deviation,
        case
            when compared_hours.value between 3.6 * compared_hours.value_a_week_ago and 4.4 * compared_hours.value_a_week_ago
                and compared_hours.value_a_week_ago > 0
                then 1
            else 0
        end as is_four_times,
        row_number() over (
            partition by compared_hours.indicator_id, compared_hours.madrid_day
            order by abs(compared_hours.difference - median_differences.median_difference), compared_hours.period_start_utc
        ) as rank_of_deviation
    from hours_against_last_week as compared_hours
    inner join median_differences
        on compared_hours.indicator_id = median_differences.indicator_id
            and compared_hours.madrid_day = median_differences.madrid_day
),

weekly_spreads as (
    select
        indicator_id,
        madrid_day,
        max(compared) as compared,
        {#- 1.4826: the standard deviation of a normal distribution in terms of its MAD. #}
        1.4826 * avg(case when 2 * rank_of_deviation between compared and compared + 2 then deviation end) as spread,
        sum(is_four_times) as four_times,
        sum(value) as value_total,
        sum(value_a_week_ago) as total_a_week_ago
    from deviations
    group by indicator_id, madrid_day
),

weekly_scales as (
    select
        spreads.indicator_id,
        spreads.madrid_day,
        spreads.compared,
        spreads.four_times,
        days_to_judge.weekly_z_max,
        days_to_judge.weekly_change_max,
        case
            when abs(spreads.total_a_week_ago) >= 1
                then (spreads.value_total - spreads.total_a_week_ago) / abs(spreads.total_a_week_ago)
        end as week_change,
        case when spreads.spread > days_to_judge.weekly_scale_min then spreads.spread else days_to_judge.weekly_scale_min end as scale
    from weekly_spreads as spreads
    inner join days_to_judge
        on spreads.indicator_id = days_to_judge.indicator_id
            and spreads.madrid_day = days_to_judge.madrid_day
    {#- Half a day is too little to tell a day's usual spread. #}
    where spreads.compared >= 12
),

consistency as (
    select
        scales.indicator_id,
        scales.madrid_day,
        max(scales.week_change) as week_change,
        max(deviations.deviation / scales.scale) as consistency_z,
        sum(case when deviations.deviation > scales.weekly_z_max * scales.scale then 1 else 0 end) as inconsistent_values,
        {#- Only where weeks are comparable: a price may well be four times last week's. #}
        max(
            case
                when scales.weekly_change_max is not null and 4 * scales.four_times >= 3 * scales.compared
                    then scales.four_times
                else 0
            end
        ) as values_four_times_last_week
    from weekly_scales as scales
    inner join deviations
        on scales.indicator_id = deviations.indicator_id
            and scales.madrid_day = deviations.madrid_day
    group by scales.indicator_id, scales.madrid_day
),

values_of_days as (
    select
        days_to_judge.indicator_id,
        days_to_judge.madrid_day,
        sum(
            case
                when landed.period_start_utc >= days_to_judge.due_from_utc and landed.period_start_utc < days_to_judge.due_until_utc
                    then 1
                else 0
            end
        ) as due_values_there,
        count(*) as values_there,
        sum(landed.answers) as values_received,
        max(landed.answers) as answers,
        min(landed.first_landed_at_utc) as first_landed_at_utc,
        min(landed.first_published_at_utc) as first_published_at_utc,
        sum(case when landed.revisions > 0 then 1 else 0 end) as revised_values,
        sum(landed.revisions) as revisions,
        max(landed.largest_revision) as largest_revision,
        max({{ hours_between('landed.period_start_utc', 'landed.last_revised_at_utc') }}) as latest_revision_hours,
        sum(flags.is_out_of_range) as out_of_range_values,
        sum(flags.is_sum_of_four) as sums_of_four,
        sum(case when flags.is_spike = 1 or (flags.is_step = 1 and flags.is_after_odd_hour = 0) then 1 else 0 end) as large_steps,
        max(flags.run_length) as longest_run
    from days_to_judge
    inner join hours_near as landed
        on days_to_judge.indicator_id = landed.indicator_id
            and days_to_judge.madrid_day = landed.madrid_day
    inner join hours_with_flags as flags
        on landed.indicator_id = flags.indicator_id
            and landed.period_start_utc = flags.period_start_utc
    group by days_to_judge.indicator_id, days_to_judge.madrid_day
),

rejected_entries as (
    {#- By day and by instant: the one is quick to join by, the other is what an index can seek. #}
    select
        days_to_judge.indicator_id,
        days_to_judge.madrid_day,
        rejected.period_start_utc,
        rejected.response_id,
        rejected.rejected_because
    from days_to_judge
    inner join {{ ref('stg_esios__rejected_values') }} as rejected
        on days_to_judge.indicator_id = rejected.indicator_id
            and days_to_judge.madrid_day = {{ day_of(to_madrid('rejected.period_start_utc')) }}
            and days_to_judge.day_start_utc <= rejected.period_start_utc
            and days_to_judge.day_end_utc > rejected.period_start_utc
    {% if is_incremental() %}
    where {{ within_days('rejected', 'period_start_utc', days, type_instant()) }}
    {% endif %}
),

entries_put_aside as (
    select
        rejected.indicator_id,
        rejected.madrid_day,
        count(*) as quarantined_entries,
        {#- A later answer with a good value for the hour has repaired it. #}
        sum(case when rejected.response_id >= coalesce(landed.last_response_id, 0) then 1 else 0 end) as quarantined_now,
        count(distinct case
            when rejected.rejected_because = 'two values for one hour in one answer'
                and rejected.response_id >= coalesce(landed.last_response_id, 0)
                then rejected.period_start_utc
        end) as conflicting_hours
    from rejected_entries as rejected
    left join hours_near as landed
        on rejected.indicator_id = landed.indicator_id
            and rejected.period_start_utc = landed.period_start_utc
    group by rejected.indicator_id, rejected.madrid_day
),

answers_of_days as (
    select
        days_to_judge.indicator_id,
        days_to_judge.madrid_day,
        new_answers.response_id
    from days_to_judge
    inner join new_answers
        on days_to_judge.indicator_id = new_answers.indicator_id
            and days_to_judge.madrid_day >= new_answers.first_day
            and days_to_judge.madrid_day < new_answers.end_day
    union all
    select
        indicator_id,
        madrid_day,
        known_response_id as response_id
    from days_to_judge
    where known_response_id is not null
),

newest_answers as (
    select
        indicator_id,
        madrid_day,
        max(response_id) as newest_response_id
    from answers_of_days
    group by indicator_id, madrid_day
),

withdrawals as (
    select
        newest_answers.indicator_id,
        newest_answers.madrid_day,
        count(*) as withdrawn_values
    from newest_answers
    inner join {{ ref('stg_esios__indicator_responses') }} as answers
        on newest_answers.newest_response_id = answers.response_id
    inner join hours_near as landed
        on newest_answers.indicator_id = landed.indicator_id
            and newest_answers.madrid_day = landed.madrid_day
    where landed.last_response_id < newest_answers.newest_response_id
        and landed.period_start_utc >= answers.window_start_utc
        and landed.period_start_utc < answers.window_end_utc
    group by newest_answers.indicator_id, newest_answers.madrid_day
),

first_answers as (
    select
        registered.id as indicator_id,
        (
            select min(answers.response_id)
            from {{ ref('stg_esios__indicator_responses') }} as answers
            where answers.indicator_id = registered.id
        ) as response_id
    from {{ ref('esios_indicators') }} as registered
),

first_landings as (
    select
        answers.indicator_id,
        {{ day_of(to_madrid('answers.extracted_at_utc')) }} as first_landing_day
    from first_answers
    inner join {{ ref('stg_esios__indicator_responses') }} as answers
        on first_answers.response_id = answers.response_id
),

measured_days as (
    select
        days.indicator_id,
        days.madrid_day,
        found.first_landed_at_utc,
        found.largest_revision,
        found.latest_revision_hours,
        consistency.consistency_z,
        consistency.week_change,
        newest_answers.newest_response_id,
        days.due_from_utc,
        days.due_until_utc,
        checks_so_far.checks_judged,
        checks_so_far.last_checked_at_utc,
        days.late_after_hours,
        days.flat_hours_max,
        days.weekly_change_max,
        days.revision_max,
        {#- Whole hours: of one that lacks a quarter nothing counts. #}
        cast(floor(coalesce(found.due_values_there, 0) * days.cadence_seconds / 3600.0) as {{ type_whole() }}) as hours_there,
        {{ hours_from_to('days.day_start_utc', 'days.day_end_utc') }} as hours_in_day,
        coalesce({{ hours_from_to('days.due_from_utc', 'days.due_until_utc') }}, 0) as hours_due,
        coalesce(found.values_there, 0) as values_there,
        {#- Only of days that were landed while they could change, and not by a backfill. #}
        case
            when found.first_landed_at_utc <= {{ add_hours('days.day_end_utc', '24 * days.revision_horizon_days') }}
                and days.madrid_day >= first_landings.first_landing_day
                then {{ hours_between('found.first_published_at_utc', 'found.first_landed_at_utc') }}
        end as publication_to_landing_hours,
        coalesce(aside.quarantined_entries, 0) as quarantined_entries,
        coalesce(aside.quarantined_now, 0) as quarantined_now,
        coalesce(aside.conflicting_hours, 0) as conflicting_hours,
        coalesce(found.out_of_range_values, 0) as out_of_range_values,
        coalesce(found.large_steps, 0) as large_steps,
        coalesce(found.longest_run, 0) * days.cadence_seconds / 3600.0 as longest_flat_hours,
        case
            when coalesce(consistency.values_four_times_last_week, 0) > coalesce(found.sums_of_four, 0)
                then consistency.values_four_times_last_week
            else coalesce(found.sums_of_four, 0)
        end as sums_of_four,
        coalesce(consistency.inconsistent_values, 0) as inconsistent_values,
        coalesce(withdrawals.withdrawn_values, 0) as withdrawn_values,
        coalesce(found.revised_values, 0) as revised_values,
        coalesce(found.revisions, 0) as revisions,
        coalesce(found.answers, 0) as answers,
        coalesce(found.values_received, 0) as values_received
    from days_to_judge as days
    left join values_of_days as found
        on days.indicator_id = found.indicator_id
            and days.madrid_day = found.madrid_day
    left join entries_put_aside as aside
        on days.indicator_id = aside.indicator_id
            and days.madrid_day = aside.madrid_day
    left join consistency
        on days.indicator_id = consistency.indicator_id
            and days.madrid_day = consistency.madrid_day
    left join newest_answers
        on days.indicator_id = newest_answers.indicator_id
            and days.madrid_day = newest_answers.madrid_day
    left join withdrawals
        on days.indicator_id = withdrawals.indicator_id
            and days.madrid_day = withdrawals.madrid_day
    left join first_landings
        on days.indicator_id = first_landings.indicator_id
    cross join checks_so_far
),

faults_of_days as (
    select
        *,
        case when hours_there < hours_due then concat(hours_due - hours_there, ' of ', hours_due, ' hours missing') end as is_incomplete,
        case when sums_of_four > 0 then concat('values four times too high: ', sums_of_four) end as is_summed,
        case when out_of_range_values > 0 then concat('values out of range: ', out_of_range_values) end as is_out_of_range,
        case when large_steps > 0 then concat('steps too large: ', large_steps) end as is_jumping,
        case when inconsistent_values > 0 then concat('values unlike last week: ', inconsistent_values) end as is_unlike,
        case
            when abs(week_change) > weekly_change_max
                then concat('mean ', {{ whole_text('100 * week_change') }}, ' % from last week')
        end as is_shifted,
        case
            when longest_flat_hours > flat_hours_max
                then concat('the same value for ', {{ whole_text('longest_flat_hours') }}, ' hours')
        end as is_flat,
        case when quarantined_now > 0 then concat('entries put aside: ', quarantined_now) end as is_quarantined,
        case when conflicting_hours > 0 then concat('hours with two values: ', conflicting_hours) end as is_conflicting,
        case when withdrawn_values > 0 then concat('values withdrawn: ', withdrawn_values) end as is_withdrawn,
        case
            when largest_revision > revision_max
                then concat('revised by up to ', {{ whole_text('largest_revision') }})
        end as is_revised,
        case
            when publication_to_landing_hours > late_after_hours
                then concat('landed ', {{ whole_text('publication_to_landing_hours') }}, ' hours after publication')
        end as is_late
    from measured_days
),

reasons_of_days as (
    select
        *,
        {{ joined_texts([
            'is_incomplete', 'is_summed', 'is_out_of_range', 'is_jumping', 'is_unlike', 'is_shifted', 'is_flat',
            'is_quarantined', 'is_conflicting', 'is_withdrawn', 'is_revised', 'is_late'
        ]) }} as reasons
    from faults_of_days
)

select
    indicator_id,
    madrid_day,
    cast(
        case
            when is_incomplete is not null or is_summed is not null or is_out_of_range is not null then 'bad'
            when reasons <> '' then 'suspect'
            else 'good'
        end as {{ type_code(10) }}
    ) as verdict,
    cast(nullif(reasons, '') as {{ type_text(400) }}) as reasons,
    cast(hours_in_day as {{ type_whole() }}) as hours_in_day,
    cast(hours_due as {{ type_whole() }}) as hours_due,
    hours_there,
    cast(hours_due - hours_there as {{ type_whole() }}) as missing_hours,
    cast(case when hours_due > 0 then 1.0 * hours_there / hours_due end as {{ type_number() }}) as completeness,
    cast(first_landed_at_utc as {{ type_instant() }}) as first_landed_at_utc,
    cast(publication_to_landing_hours as {{ type_number() }}) as publication_to_landing_hours,
    cast(quarantined_entries as {{ type_whole() }}) as quarantined_entries,
    cast(out_of_range_values as {{ type_whole() }}) as out_of_range_values,
    cast(large_steps as {{ type_whole() }}) as large_steps,
    cast(longest_flat_hours as {{ type_number() }}) as longest_flat_hours,
    cast(sums_of_four as {{ type_whole() }}) as sums_of_four,
    cast(conflicting_hours as {{ type_whole() }}) as conflicting_hours,
    cast(consistency_z as {{ type_number() }}) as consistency_z,
    cast(inconsistent_values as {{ type_whole() }}) as inconsistent_values,
    cast(week_change as {{ type_number() }}) as week_change,
    cast(withdrawn_values as {{ type_whole() }}) as withdrawn_values,
    cast(revised_values as {{ type_whole() }}) as revised_values,
    cast(revisions as {{ type_whole() }}) as revisions,
    cast(largest_revision as {{ type_number() }}) as largest_revision,
    cast(latest_revision_hours as {{ type_number() }}) as latest_revision_hours,
    cast(values_there as {{ type_whole() }}) as values_there,
    cast(values_received as {{ type_whole() }}) as values_received,
    cast(answers as {{ type_whole() }}) as answers,
    newest_response_id,
    {{ now_utc() }} as judged_at_utc,
    cast(due_from_utc as {{ type_instant() }}) as due_from_utc,
    cast(due_until_utc as {{ type_instant() }}) as due_until_utc,
    cast(checks_judged as {{ type_counter() }}) as checks_judged,
    last_checked_at_utc
from reasons_of_days

-- depends_on: {{ ref('stg_esios__response_entries') }}, {{ ref('esios_value_versions') }}
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
    + indexed_on(['judgement', 'indicator_id'], included=['madrid_day'])
    + indexed_on(['indicator_id', 'last_response_id']),
    meta={'slices': {'rows_of': 'esios_value_versions', 'time': 'period_start_utc'}}
) }}

{#- Work in proportion to what is new: the days of new values and those that were asked for again, each with its neighbours,
    because a period is odd by its neighbours. Whole days of an indicator are judged again. -#}
{%- set judgement = 1 -%}
{%- set in_order = 'partition by periods.indicator_id, periods.geo_id order by periods.period_start_utc' -%}
{%- if is_incremental() -%}
    {%- set judgement = highest(this, 'judgement') + 1 -%}
    {%- set behind = indicators_behind(ref('esios_value_versions'), 'last_response_id', highest(this, 'last_response_id')) -%}
    {%- set changes = changed_periods(with_rebuilt(behind), highest(this, 'due_judgement')) -%}
    {%- set days = days_near(changes, 4, months=3) -%}
{%- endif -%}
with {{ period_histories() }},
{% if is_incremental() %}
{{ days_to_judge(changes) }},
{% endif %}
neighbouring_periods as (
    select
        periods.*,
        {{ to_madrid('periods.period_start_utc') }} as datetime_local,
        lag(periods.value) over ({{ in_order }}) as value_before,
        lag(periods.period_end_utc) over ({{ in_order }}) as end_before_utc,
        lead(periods.value) over ({{ in_order }}) as value_after,
        lead(periods.period_start_utc) over ({{ in_order }}) as start_after_utc
    from period_histories as periods
    {% if is_incremental() %}
    where {{ within_days('periods', 'period_start_utc', days, type_instant()) }}
    {% else %}
    where {{ in_slice('periods.period_start_utc', type_instant(), 65 if indicators_of_cadence('month') else 4) }}
    {% endif %}
),

steps as (
    select
        periods.*,
        registered.plausible_step,
        registered.flat_hours_max,
        registered.revision_max,
        {{ day_of('periods.datetime_local') }} as madrid_day,
        {#- Null across a gap: only adjoining periods make a step. #}
        case when periods.end_before_utc = periods.period_start_utc then periods.value - periods.value_before end as step_here,
        case when periods.start_after_utc = periods.period_end_utc then periods.value_after - periods.value end as step_after,
        case
            when periods.value < registered.plausible_min then registered.plausible_min - periods.value
            when periods.value > registered.plausible_max then periods.value - registered.plausible_max
        end as out_of_range,
        {#- Far too high, and a quarter of it is plausible: four quarter hours added up. #}
        case
            when periods.value > registered.plausible_max
                and periods.value / 4 between registered.plausible_min and registered.plausible_max
                then periods.value
        end as sum_of_four
    from neighbouring_periods as periods
    inner join {{ ref('esios_indicators') }} as registered
        on periods.indicator_id = registered.id
),

judged_periods as (
    select
        *,
        {#- Far from both neighbours, on the same side: the period itself is odd, not the change. #}
        case
            when step_here > plausible_step and -step_after > plausible_step then step_here
            when -step_here > plausible_step and step_after > plausible_step then -step_here
        end as spike,
        case when abs(step_here) > plausible_step then abs(step_here) end as large_step,
        {#- Most periods are plausible and differ from both neighbours: each is a run of its own, and needs no second order. #}
        case
            when step_here = 0 or step_after = 0 or abs(step_here) > plausible_step or out_of_range is not null then 1
            else 0
        end as is_conspicuous
    from steps
),

conspicuous_periods as (
    select
        periods.*,
        lag(case when coalesce(periods.out_of_range, periods.spike) is not null then periods.period_end_utc end) over (
            {{ in_order }}
        ) as odd_until_utc,
        {#- The first period of a run of equal values differs from the one before it, the last from the one after it. #}
        max(case when periods.step_here = 0 then null else periods.period_start_utc end) over (
            {{ in_order }} rows between unbounded preceding and current row
        ) as run_start_utc,
        min(case when periods.step_after = 0 then null else periods.period_end_utc end) over (
            {{ in_order }} rows between current row and unbounded following
        ) as run_end_utc
    from judged_periods as periods
    where periods.is_conspicuous = 1
),

periods_in_runs as (
    select
        *,
        cast(null as {{ type_instant() }}) as odd_until_utc,
        period_start_utc as run_start_utc,
        period_end_utc as run_end_utc
    from judged_periods
    where is_conspicuous = 0
    union all
    select *
    from conspicuous_periods
),

periods_there as (
    select
        periods.*,
        {#- The way back from an odd period is not a step of its own. #}
        case
            when periods.spike is null and (periods.odd_until_utc is null or periods.odd_until_utc < periods.period_start_utc)
                then periods.large_step
        end as step,
        {#- A day to either side at most, so that a verdict depends on no older day. Most runs are short and need no midnight. #}
        case
            when {{ hours_between('periods.run_start_utc', 'periods.run_end_utc') }} <= 1
                then {{ hours_between('periods.run_start_utc', 'periods.run_end_utc') }}
            else {{ hours_between(
                greater_of('periods.run_start_utc', add_hours(day_start_utc('periods.madrid_day'), -24)),
                lesser_of('periods.run_end_utc', add_hours(day_start_utc(add_days('periods.madrid_day', 1)), 24))
            ) }}
        end as run_hours
    from periods_in_runs as periods
    {% if is_incremental() %}
    inner join days_to_judge
        on periods.indicator_id = days_to_judge.indicator_id
            and periods.madrid_day = days_to_judge.madrid_day
    {% else %}
    where {{ in_slice('periods.madrid_day', 'date') }}
    {% endif %}
),

numbered_periods as (
    select
        periods.*,
        {#- Left out by a later response for its day. What was asked for without its area says nothing of it. #}
        case when asked.newest_extracted_at_utc > confirming.extracted_at_utc then asked.newest_extracted_at_utc end as withdrawn_at_utc,
        case when periods.largest_revision > periods.revision_max then periods.largest_revision end as revised,
        {#- A day or a month is one value. #}
        case
            when {{ hours_between('periods.period_start_utc', 'periods.period_end_utc') }} > 1 then null
            when periods.run_hours > periods.flat_hours_max then periods.run_hours
        end as flat
    from periods_there as periods
    left join {{ ref('due_days') }} as asked
        on {{ same_day('periods', 'asked') }}
    left join {{ ref('stg_esios__indicator_responses') }} as confirming
        on periods.confirmed_response_id = confirming.response_id
)

select
    indicator_id,
    geo_id,
    cast(period_start_utc as {{ type_instant() }}) as period_start_utc,
    cast(period_end_utc as {{ type_instant() }}) as period_end_utc,
    madrid_day,
    cast(datetime_local as {{ type_instant() }}) as datetime_local,
    cast(value as {{ type_number() }}) as value,
    confirmed_response_id,
    first_response_id,
    first_landed_at_utc,
    responses,
    revisions,
    largest_revision,
    last_revised_at_utc,
    cast(out_of_range as {{ type_number() }}) as out_of_range,
    cast(sum_of_four as {{ type_number() }}) as sum_of_four,
    cast(spike as {{ type_number() }}) as spike,
    cast(step as {{ type_number() }}) as step,
    cast(run_hours as {{ type_number() }}) as run_hours,
    cast(flat as {{ type_number() }}) as flat,
    cast(revised as {{ type_number() }}) as revised,
    withdrawn_at_utc,
    cast(last_response_id as {{ type_counter() }}) as last_response_id,
    cast({{ judgement }} as {{ type_counter() }}) as judgement,
    cast({{ newest_judgement(ref('due_days')) }} as {{ type_counter() }}) as due_judgement,
    case when coalesce(out_of_range, spike, step, flat, revised) is null and withdrawn_at_utc is null then 0 else 1 end as has_finding
from numbered_periods

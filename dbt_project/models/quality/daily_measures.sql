-- depends_on: {{ ref('stg_esios__response_entries') }}
{{ config(
    materialized='incremental',
    incremental_strategy=replacing_by_key(),
    unique_key=['indicator_id', 'madrid_day'],
    on_schema_change='append_new_columns',
    pre_hook=['{{ create_judgement_log() }}', '{{ delete_days_to_rebuild(this) }}'],
    post_hook='{{ write_judgement_log() }}',
    indexes=clustered_on(['indicator_id', 'geo_id', 'madrid_day'], unique=true)
    + indexed_on(['has_finding', 'indicator_id', 'geo_id', 'madrid_day']),
    meta={'slices': {'rows_of': 'period_checks', 'time': 'madrid_day'}}
) }}

{#- The days whose periods were judged or compared again, and those that were asked for again or whose due periods changed.
    A day stays even if nothing of it is due or present any more: that takes it back. -#}
{%- if is_incremental() -%}
    {%- set changes = changed_days(highest(this, 'judgement'), highest(this, 'due_judgement')) -%}
    {%- set days = days_near(changes, 2) -%}
{%- endif -%}
with
{% if is_incremental() %}
changed_days as (
    select distinct
        changes.indicator_id,
        changes.madrid_day
    from ({{ changes }}) as changes
),

{% endif %}
days_near as (
    select
        checks.indicator_id,
        checks.geo_id,
        checks.madrid_day
    from {{ ref('period_checks') }} as checks
    where {{ within_days('checks', 'madrid_day', days, 'date') if is_incremental() else in_slice('checks.madrid_day', 'date') }}
    union
    select
        asked.indicator_id,
        asked.geo_id,
        asked.madrid_day
    from {{ ref('due_days') }} as asked
    where {{ within_days('asked', 'madrid_day', days, 'date') if is_incremental() else in_slice('asked.madrid_day', 'date') }}
),

days_to_judge as (
    select
        days_near.indicator_id,
        days_near.geo_id,
        days_near.madrid_day,
        asked.due_from_utc,
        asked.due_until_utc,
        {{ day_start_utc('days_near.madrid_day') }} as day_start_utc,
        {{ day_start_utc(add_days('days_near.madrid_day', 1)) }} as day_end_utc,
        coalesce(asked.periods_due, 0) as periods_due
    from days_near
    {% if is_incremental() %}
    inner join changed_days as changed
        on days_near.indicator_id = changed.indicator_id
            and days_near.madrid_day = changed.madrid_day
    {% endif %}
    left join {{ ref('due_days') }} as asked
        on {{ same_day('days_near', 'asked') }}
),

values_of_days as (
    select
        checks.indicator_id,
        checks.geo_id,
        checks.madrid_day,
        sum(
            case when checks.period_start_utc >= asked.due_from_utc and checks.period_start_utc < asked.due_until_utc then 1 else 0 end
        ) as due_periods_there,
        count(*) as periods_there,
        min(checks.period_start_utc) as first_period_utc,
        max(checks.period_start_utc) as last_period_utc,
        max(checks.period_end_utc) as last_period_end_utc,
        min(checks.first_landed_at_utc) as first_landed_at_utc,
        min(firsts.values_updated_at_utc) as first_published_at_utc,
        sum(checks.responses) as values_received,
        max(checks.responses) as responses,
        sum(case when checks.revisions > 0 then 1 else 0 end) as revised_values,
        sum(checks.revisions) as revisions,
        max(checks.largest_revision) as largest_revision,
        max({{ hours_between('checks.period_start_utc', 'checks.last_revised_at_utc') }}) as latest_revision_hours,
        count(checks.out_of_range) as out_of_range_values,
        count(checks.sum_of_four) as sums_of_four,
        count(coalesce(checks.spike, checks.step)) as large_steps,
        max(checks.run_hours) as longest_flat_hours,
        count(checks.withdrawn_at_utc) as withdrawn_values
    from {{ ref('period_checks') }} as checks
    left join {{ ref('due_days') }} as asked
        on {{ same_day('checks', 'asked') }}
    left join {{ ref('stg_esios__indicator_responses') }} as firsts
        on checks.first_response_id = firsts.response_id
    where {{ within_days('checks', 'madrid_day', days, 'date') if is_incremental() else in_slice('checks.madrid_day', 'date') }}
    group by checks.indicator_id, checks.geo_id, checks.madrid_day
),

weeks_of_days as (
    select
        weeks.indicator_id,
        weeks.geo_id,
        weeks.madrid_day,
        max(weeks.z) as consistency_z,
        max(weeks.week_change) as week_change,
        max(weeks.shifted) as shifted,
        count(weeks.unlike_last_week) as inconsistent_values,
        count(weeks.sum_of_four) as sums_of_four
    from {{ ref('week_checks') }} as weeks
    where {{ within_days('weeks', 'madrid_day', days, 'date') if is_incremental() else in_slice('weeks.madrid_day', 'date') }}
    group by weeks.indicator_id, weeks.geo_id, weeks.madrid_day
),

first_landings as (
    {{ first_landings() }}
),

measured_days as (
    select
        days.indicator_id,
        days.geo_id,
        days.madrid_day,
        days.due_from_utc,
        days.due_until_utc,
        days.periods_due,
        found.first_period_utc,
        found.last_period_utc,
        found.last_period_end_utc,
        found.first_landed_at_utc,
        found.values_received,
        found.responses,
        found.revised_values,
        found.revisions,
        found.largest_revision,
        found.latest_revision_hours,
        found.out_of_range_values,
        found.large_steps,
        found.longest_flat_hours,
        found.withdrawn_values,
        weeks.consistency_z,
        weeks.week_change,
        weeks.shifted,
        weeks.inconsistent_values,
        registered.late_after_hours,
        {{ hours_between('days.day_start_utc', 'days.day_end_utc') }} as hours_in_day,
        coalesce(found.due_periods_there, 0) as due_periods_there,
        coalesce(found.periods_there, 0) as periods_there,
        coalesce({{ greater_of('found.sums_of_four', 'weeks.sums_of_four') }}, 0) as sums_of_four,
        {#- Only for days that were landed while they could change, not by a backfill. #}
        case
            when found.first_landed_at_utc <= {{ add_hours('days.day_end_utc', '24 * registered.revision_horizon_days') }}
                and days.madrid_day >= first_landings.first_landing_day
                then {{ hours_between('found.first_published_at_utc', 'found.first_landed_at_utc') }}
        end as publication_to_landing_hours
    from days_to_judge as days
    inner join {{ ref('esios_indicators') }} as registered
        on days.indicator_id = registered.id
    left join values_of_days as found
        on {{ same_day('days', 'found') }}
    left join weeks_of_days as weeks
        on {{ same_day('days', 'weeks') }}
    left join first_landings
        on days.indicator_id = first_landings.indicator_id
            and days.geo_id = coalesce(first_landings.geo_id, days.geo_id)
)

select
    *,
    {{ now_utc() }} as judged_at_utc,
    cast({{ newest_judgement(ref('due_days')) }} as {{ type_counter() }}) as due_judgement,
    cast({{ newest_judgement(ref('period_checks')) }} as {{ type_counter() }}) as judgement,
    periods_due - due_periods_there as missing_periods,
    case when publication_to_landing_hours > late_after_hours then publication_to_landing_hours end as late,
    case
        when periods_due > due_periods_there or shifted is not null or publication_to_landing_hours > late_after_hours then 1
        else 0
    end as has_finding
from measured_days

{#- A day is as bad as its gravest finding. Which codes are findings, and which are bad: period_findings.sql. -#}
with gravest_findings as (
    select
        indicator_id,
        geo_id,
        madrid_day,
        min(severity) as severity
    from {{ ref('period_findings') }}
    group by indicator_id, geo_id, madrid_day
),

quarantined_of_days as (
    {#- All that ever were; only those that no later response has replaced are findings. #}
    select
        days.indicator_id,
        days.geo_id,
        days.madrid_day,
        count(*) as quarantined_entries
    from {{ ref('daily_measures') }} as days
    inner join {{ ref('stg_esios__rejected_values') }} as quarantined
        on days.indicator_id = quarantined.indicator_id
            and days.geo_id = coalesce(quarantined.geo_id, days.geo_id)
            and days.madrid_day = {{ day_of(to_madrid('quarantined.period_start_utc')) }}
    group by days.indicator_id, days.geo_id, days.madrid_day
)

select
    days.indicator_id,
    days.geo_id,
    days.madrid_day,
    days.hours_in_day,
    days.periods_due,
    days.due_periods_there as periods_there,
    days.missing_periods,
    days.first_landed_at_utc,
    days.publication_to_landing_hours,
    days.sums_of_four,
    days.consistency_z,
    days.week_change,
    days.largest_revision,
    days.latest_revision_hours,
    days.periods_there as values_there,
    days.due_from_utc,
    days.due_until_utc,
    days.judged_at_utc,
    coalesce(gravest.severity, 'good') as verdict,
    case when days.periods_due > 0 then 1e0 * days.due_periods_there / days.periods_due end as completeness,
    coalesce(quarantined.quarantined_entries, 0) as quarantined_entries,
    coalesce(days.out_of_range_values, 0) as out_of_range_values,
    coalesce(days.large_steps, 0) as large_steps,
    coalesce(days.longest_flat_hours, 0) as longest_flat_hours,
    coalesce(days.inconsistent_values, 0) as inconsistent_values,
    coalesce(days.withdrawn_values, 0) as withdrawn_values,
    coalesce(days.revised_values, 0) as revised_values,
    coalesce(days.revisions, 0) as revisions,
    coalesce(days.values_received, 0) as values_received,
    coalesce(days.responses, 0) as responses
from {{ ref('daily_measures') }} as days
left join gravest_findings as gravest
    on {{ same_day('days', 'gravest') }}
left join quarantined_of_days as quarantined
    on {{ same_day('days', 'quarantined') }}
where days.periods_due > 0
    or days.periods_there > 0

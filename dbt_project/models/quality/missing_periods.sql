{%- set seconds = 'each_number.number * coalesce(incomplete_days.cadence_seconds, 0)' -%}
with incomplete_days as (
    select
        days.indicator_id,
        days.geo_id,
        days.madrid_day,
        asked.due_from_utc,
        asked.due_until_utc,
        asked.cadence_seconds,
        asked.periods_due
    from {{ ref('daily_measures') }} as days
    inner join {{ ref('due_days') }} as asked
        on {{ same_day('days', 'asked') }}
    where days.has_finding = 1
        and days.missing_periods > 0
),

due_periods as (
    {#- A day or a month is one period, and ends where the due span ends. #}
    select
        incomplete_days.indicator_id,
        incomplete_days.geo_id,
        incomplete_days.madrid_day,
        {{ add_seconds('incomplete_days.due_from_utc', seconds) }} as period_start_utc,
        case
            when incomplete_days.cadence_seconds is null then incomplete_days.due_until_utc
            else {{ add_seconds('incomplete_days.due_from_utc', '(each_number.number + 1) * incomplete_days.cadence_seconds') }}
        end as period_end_utc
    from {{ each_number('incomplete_days', 'periods_due') }}
)

select
    due.indicator_id,
    due.geo_id,
    due.madrid_day,
    due.period_start_utc,
    due.period_end_utc
from due_periods as due
where not exists (
        select 1
        from {{ ref('period_checks') }} as checks
        where {{ same_period('due', 'checks') }}
    )

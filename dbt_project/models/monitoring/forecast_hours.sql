with predictions_in_order as (
    select
        loaded.forecast,
        loaded.indicator_id,
        loaded.period_start_utc,
        loaded.predicted_value,
        loaded.predicted_at_utc,
        {#- First those from before the period, the last of them on top; made later, it is no forecast but all there is. #}
        row_number() over (
            partition by loaded.forecast, loaded.indicator_id, loaded.period_start_utc
            order by
                case when loaded.predicted_at_utc < loaded.period_start_utc then 0 else 1 end,
                loaded.predicted_at_utc desc
        ) as preference,
        min(loaded.predicted_at_utc) over (
            partition by loaded.forecast, loaded.indicator_id, loaded.period_start_utc
        ) as first_known_at_utc
    from {{ source('loaded', 'predictions') }} as loaded
),

forecast_values as (
    select
        pairs.forecast,
        pairs.actual_indicator_id,
        landed.period_start_utc,
        landed.madrid_day,
        coalesce(landed.value_ahead, landed.value) as predicted,
        case when landed.value_ahead is not null then 1 else 0 end as is_known_ahead,
        landed.first_landed_at_utc as first_known_at_utc
    from {{ ref('forecast_pairs') }} as pairs
    inner join {{ ref('indicator_hours') }} as landed
        on pairs.forecast_indicator_id = landed.indicator_id
    union all
    select
        forecast,
        indicator_id as actual_indicator_id,
        period_start_utc,
        {{ day_of(to_madrid('period_start_utc')) }} as madrid_day,
        predicted_value as predicted,
        case when predicted_at_utc < period_start_utc then 1 else 0 end as is_known_ahead,
        first_known_at_utc
    from predictions_in_order
    where preference = 1
),

forecast_spans as (
    select
        forecast,
        actual_indicator_id,
        min(madrid_day) as first_day,
        {#- One that was ever ahead of its hour is at work, and its silence counts; a back-test ends where it ends. #}
        case when max(is_known_ahead) = 0 then max(madrid_day) end as last_day
    from forecast_values
    group by forecast, actual_indicator_id
),

actuals_of_a_week_ago as (
    {#- By the clocks of Madrid; the hour that comes twice is one. #}
    select
        indicator_id,
        {{ add_hours('datetime_local', 168) }} as datetime_local,
        avg(value) as value
    from {{ ref('indicator_hours') }}
    where indicator_id in (select pairs.actual_indicator_id from {{ ref('forecast_pairs') }} as pairs)
    group by indicator_id, datetime_local
),

due_hours as (
    select
        pairs.forecast,
        pairs.actual_indicator_id,
        actuals.period_start_utc,
        actuals.datetime_local,
        actuals.madrid_day,
        actuals.value as actual,
        {{ day_start_utc('actuals.madrid_day') }} as day_start_utc,
        {{ add_hours(day_start_utc('actuals.madrid_day'), '-pairs.deadline_hours') }} as deadline_utc
    from {{ ref('forecast_pairs') }} as pairs
    inner join forecast_spans
        on pairs.forecast = forecast_spans.forecast
            and pairs.actual_indicator_id = forecast_spans.actual_indicator_id
    inner join {{ ref('indicator_hours') }} as actuals
        on pairs.actual_indicator_id = actuals.indicator_id
            and forecast_spans.first_day <= actuals.madrid_day
    where forecast_spans.last_day is null
        or forecast_spans.last_day >= actuals.madrid_day
)

select
    due_hours.forecast,
    due_hours.actual_indicator_id,
    due_hours.period_start_utc,
    due_hours.datetime_local,
    due_hours.madrid_day,
    forecast_values.predicted,
    due_hours.actual,
    actuals_of_a_week_ago.value as persistence,
    forecast_values.is_known_ahead,
    {{ clock_hour('due_hours.datetime_local') }} as clock_hour,
    forecast_values.predicted - due_hours.actual as error,
    {#- Known more than a day after its day ended it is a backfill or a back-test, and not late. #}
    case
        when forecast_values.first_known_at_utc > {{ add_hours('due_hours.day_start_utc', 48) }} then null
        when forecast_values.first_known_at_utc > due_hours.deadline_utc
            then {{ hours_between('due_hours.deadline_utc', 'forecast_values.first_known_at_utc') }}
        when forecast_values.first_known_at_utc is not null then 0
    end as lateness_hours
from due_hours
left join forecast_values
    on due_hours.forecast = forecast_values.forecast
        and due_hours.actual_indicator_id = forecast_values.actual_indicator_id
        and due_hours.period_start_utc = forecast_values.period_start_utc
left join actuals_of_a_week_ago
    on due_hours.actual_indicator_id = actuals_of_a_week_ago.indicator_id
        and due_hours.datetime_local = actuals_of_a_week_ago.datetime_local

with days as (
    select
        forecast,
        actual_indicator_id,
        madrid_day,
        {{ accuracy_measures() }}
    from {{ ref('forecast_hours') }}
    group by forecast, actual_indicator_id, madrid_day
),

days_with_four_weeks as (
    select
        days.*,
        pairs.mape_warn,
        pairs.mape_alert,
        pairs.bias_warn,
        pairs.coverage_alert,
        pairs.skill_warn,
        drift.psi as input_psi,
        drift.drift_level as input_drift_level,
        {#- A day may fail by chance; four weeks do not. #}
        1 - sum(days.mae * days.predictions_there) over (
            partition by days.forecast, days.actual_indicator_id
            order by days.madrid_day
            rows between 27 preceding and current row
        ) / nullif(sum(days.persistence_mae * days.predictions_there) over (
            partition by days.forecast, days.actual_indicator_id
            order by days.madrid_day
            rows between 27 preceding and current row
        ), 0) as skill_28_days
    from days
    inner join {{ ref('forecast_pairs') }} as pairs
        on days.forecast = pairs.forecast
            and days.actual_indicator_id = pairs.actual_indicator_id
    left join {{ ref('input_drift') }} as drift
        on days.actual_indicator_id = drift.indicator_id
            and days.madrid_day <= drift.block_last_day
            and days.madrid_day > {{ add_days('drift.block_last_day', -28) }}
),

days_with_alerts as (
    {#- Each column is named like the code of an alert and holds its number, null where there is none. #}
    select
        *,
        case when predictions_there < hours_due then hours_due - predictions_there end as predictions_missing,
        case when mape > mape_alert or mape > mape_warn then 100 * mape end as inaccurate,
        100 * case when mape > mape_alert then mape_alert else mape_warn end as inaccurate_limit,
        case when abs(bias) > bias_warn * abs(mean_actual) then 100 * bias / nullif(mean_actual, 0) end as biased,
        case when skill_28_days < skill_warn then skill_28_days end as unskilled,
        case when late_predictions > 0 then late_predictions end as predictions_late,
        case when input_drift_level <> 'ok' then input_psi end as drifting
    from days_with_four_weeks
)

select
    forecast,
    actual_indicator_id,
    madrid_day,
    hours_due,
    predictions_there,
    coverage,
    mae,
    rmse,
    mape,
    smape,
    bias,
    mean_actual,
    persistence_mae,
    skill,
    skill_28_days,
    late_predictions,
    lateness_hours,
    input_psi,
    cast(
        case
            when mape > mape_alert or coverage < coverage_alert then 'alert'
            when coalesce(predictions_missing, inaccurate, biased, unskilled, predictions_late, drifting) is not null then 'warn'
            else 'ok'
        end as {{ type_code(10) }}
    ) as alert_level,
    predictions_missing,
    inaccurate,
    inaccurate_limit,
    biased,
    unskilled,
    predictions_late,
    drifting
from days_with_alerts

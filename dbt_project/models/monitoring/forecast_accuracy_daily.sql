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
            and days.madrid_day >= drift.window_first_day
            and days.madrid_day <= drift.window_last_day
),

days_with_faults as (
    select
        *,
        case
            when mape > mape_alert
                then concat('MAPE ', {{ percent_text('mape') }}, ' %, alert above ', {{ percent_text('mape_alert') }}, ' %')
            when mape > mape_warn
                then concat('MAPE ', {{ percent_text('mape') }}, ' %, warning above ', {{ percent_text('mape_warn') }}, ' %')
        end as is_inaccurate,
        case
            when abs(bias) > bias_warn * abs(mean_actual)
                then concat('bias ', {{ percent_text('bias / mean_actual') }}, ' % of the mean')
        end as is_biased,
        case
            when predictions_there < hours_due then concat(hours_due - predictions_there, ' of ', hours_due, ' predictions missing')
        end as is_uncovered,
        case when skill_28_days < skill_warn then 'over four weeks no better than the week before' end as is_unskilled,
        case when late_predictions > 0 then concat(late_predictions, ' predictions late') end as is_late,
        case when input_drift_level <> 'ok' then 'the input has drifted' end as is_drifting
    from days_with_four_weeks
),

days_with_alerts as (
    select
        *,
        {{ joined_texts(['is_uncovered', 'is_inaccurate', 'is_biased', 'is_unskilled', 'is_late', 'is_drifting']) }} as alerts
    from days_with_faults
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
            when alerts <> '' then 'warn'
            else 'ok'
        end as {{ type_code(10) }}
    ) as alert_level,
    cast(nullif(alerts, '') as {{ type_text(400) }}) as alerts
from days_with_alerts

with hours as (
    select
        *,
        {{ first_of_month('madrid_day') }} as month_start
    from {{ ref('forecast_hours') }}
),

hours_of_months as (
    select
        forecast,
        actual_indicator_id,
        month_start,
        clock_hour,
        {{ accuracy_measures() }}
    from hours
    group by forecast, actual_indicator_id, month_start, clock_hour
)

select
    scored.*,
    cast(
        case
            when scored.mape > pairs.mape_alert or scored.coverage < pairs.coverage_alert then 'alert'
            when scored.mape > pairs.mape_warn
                or scored.coverage < 1
                or scored.skill < pairs.skill_warn
                or abs(scored.bias) > pairs.bias_warn * abs(scored.mean_actual)
                or scored.late_predictions > 0
                then 'warn'
            else 'ok'
        end as {{ type_code(10) }}
    ) as alert_level
from hours_of_months as scored
inner join {{ ref('forecast_pairs') }} as pairs
    on scored.forecast = pairs.forecast
        and scored.actual_indicator_id = pairs.actual_indicator_id

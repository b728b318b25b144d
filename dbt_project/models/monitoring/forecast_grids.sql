{{ config(materialized=step()) }}

{#- Each side at the cadence that it has at the time; the coarser of the two is the grid that both are compared on. -#}
with loaded_forecasts as (
    select
        forecast,
        indicator_id,
        max({{ seconds_past_hour('period_start_utc') }}) as seconds_past_hour
    from {{ source('loaded', 'predictions') }}
    group by forecast, indicator_id
),

forecast_cadences as (
    select
        pairs.forecast,
        pairs.actual_indicator_id,
        cadences.valid_from_utc,
        cadences.valid_until_utc,
        cadences.cadence,
        cadences.cadence_seconds
    from {{ ref('forecast_pairs') }} as pairs
    inner join {{ ref('esios_indicator_cadences') }} as cadences
        on pairs.forecast_indicator_id = cadences.indicator_id
    union all
    {#- Loaded predictions are of hours where all lie on full hours, else of their actual's own periods. #}
    select
        loaded_forecasts.forecast,
        loaded_forecasts.indicator_id as actual_indicator_id,
        cadences.valid_from_utc,
        cadences.valid_until_utc,
        case
            when loaded_forecasts.seconds_past_hour = 0 and cadences.cadence_seconds < 3600 then 'hour'
            else cadences.cadence
        end as cadence,
        case
            when loaded_forecasts.seconds_past_hour = 0 and cadences.cadence_seconds < 3600 then 3600
            else cadences.cadence_seconds
        end as cadence_seconds
    from loaded_forecasts
    inner join {{ ref('esios_indicator_cadences') }} as cadences
        on loaded_forecasts.indicator_id = cadences.indicator_id
),

both_sides as (
    select
        forecasts.forecast,
        forecasts.actual_indicator_id,
        forecasts.cadence as forecast_cadence,
        forecasts.cadence_seconds as forecast_cadence_seconds,
        actuals.cadence as actual_cadence,
        actuals.cadence_seconds as actual_cadence_seconds,
        case
            when forecasts.valid_from_utc > actuals.valid_from_utc then forecasts.valid_from_utc
            else actuals.valid_from_utc
        end as valid_from_utc,
        case
            when forecasts.valid_until_utc < actuals.valid_until_utc then forecasts.valid_until_utc
            else actuals.valid_until_utc
        end as valid_until_utc,
        case
            when {{ nominal_seconds('forecasts') }} >= {{ nominal_seconds('actuals') }} then 1
            else 0
        end as is_forecast_coarser
    from forecast_cadences as forecasts
    inner join {{ ref('esios_indicator_cadences') }} as actuals
        on forecasts.actual_indicator_id = actuals.indicator_id
            and forecasts.valid_from_utc < actuals.valid_until_utc
            and forecasts.valid_until_utc > actuals.valid_from_utc
)

select
    forecast,
    actual_indicator_id,
    valid_from_utc,
    valid_until_utc,
    forecast_cadence,
    forecast_cadence_seconds,
    case when is_forecast_coarser = 1 then forecast_cadence else actual_cadence end as cadence,
    case when is_forecast_coarser = 1 then forecast_cadence_seconds else actual_cadence_seconds end as cadence_seconds
from both_sides

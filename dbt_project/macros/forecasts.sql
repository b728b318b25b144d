{#- What the models of forecasts begin with, as CTEs. -#}

{% macro forecast_grids() %}
{#- The last: one row is one span of time in which a forecast and its actual have one cadence each, with the coarser of the
    two, on which they are compared. -#}
loaded_forecasts as (
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
),

forecast_grids as (
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
)
{%- endmacro %}

{% macro forecast_versions() %}
{#- The last: one row is one value that a forecast gave for one period, for as long as it stood: from esios_value_versions (the
    area that the registry lists first), and of loaded predictions. -#}
{{ forecast_grids() }},

predictions_in_order as (
    select
        loaded.forecast,
        loaded.indicator_id as actual_indicator_id,
        loaded.period_start_utc,
        loaded.predicted_value as value,
        loaded.predicted_at_utc as known_from_utc,
        lead(loaded.predicted_at_utc) over (
            partition by loaded.forecast, loaded.indicator_id, loaded.period_start_utc
            order by loaded.predicted_at_utc
        ) as known_until_utc
    from {{ source('loaded', 'predictions') }} as loaded
),

forecast_values as (
    select
        pairs.forecast,
        pairs.actual_indicator_id,
        versions.period_start_utc,
        versions.value,
        versions.known_from_utc,
        versions.known_until_utc
    from {{ ref('forecast_pairs') }} as pairs
    inner join {{ ref('esios_indicator_areas') }} as areas
        on pairs.forecast_indicator_id = areas.indicator_id
            and areas.place = 1
    inner join {{ ref('esios_value_versions') }} as versions
        on areas.indicator_id = versions.indicator_id
            and areas.geo_id = versions.geo_id
    union all
    select
        forecast,
        actual_indicator_id,
        period_start_utc,
        value,
        known_from_utc,
        known_until_utc
    from predictions_in_order
),

forecast_versions as (
    select
        forecast_values.forecast,
        forecast_values.actual_indicator_id,
        forecast_values.period_start_utc,
        forecast_values.known_from_utc,
        forecast_values.known_until_utc,
        {{ held('forecast_values.value') }} as value,
        {{ period_end('forecast_values.period_start_utc', 'grids.forecast_cadence', 'grids.forecast_cadence_seconds') }} as period_end_utc,
        {{ grid_start('forecast_values.period_start_utc', 'grids.cadence', 'grids.cadence_seconds') }} as grid_start_utc
    from forecast_values
    inner join forecast_grids as grids
        on forecast_values.forecast = grids.forecast
            and forecast_values.actual_indicator_id = grids.actual_indicator_id
            and forecast_values.period_start_utc >= grids.valid_from_utc
            and forecast_values.period_start_utc < grids.valid_until_utc
)
{%- endmacro %}

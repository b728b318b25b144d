{{ config(materialized=step()) }}

with predictions_in_order as (
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
)

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
inner join {{ ref('forecast_grids') }} as grids
    on forecast_values.forecast = grids.forecast
        and forecast_values.actual_indicator_id = grids.actual_indicator_id
        and forecast_values.period_start_utc >= grids.valid_from_utc
        and forecast_values.period_start_utc < grids.valid_until_utc

with {{ forecast_grids() }},

actuals_on_the_grid as (
    select
        grids.forecast,
        grids.actual_indicator_id,
        grids.cadence,
        grids.cadence_seconds,
        registered.time_agg,
        {{ held('versions.value') }} as value,
        {{ grid_start('versions.period_start_utc', 'grids.cadence', 'grids.cadence_seconds') }} as grid_start_utc,
        {{ hours_between('versions.period_start_utc', 'versions.period_end_utc') }} as hours
    from forecast_grids as grids
    inner join {{ ref('esios_indicators') }} as registered
        on grids.actual_indicator_id = registered.id
    inner join {{ ref('esios_indicator_areas') }} as areas
        on grids.actual_indicator_id = areas.indicator_id
            and areas.place = 1
    inner join {{ ref('esios_value_versions') }} as versions
        on areas.indicator_id = versions.indicator_id
            and areas.geo_id = versions.geo_id
            and grids.valid_from_utc <= versions.period_start_utc
            and grids.valid_until_utc > versions.period_start_utc
    where versions.known_until_utc is null
),

grid_periods as (
    select
        forecast,
        actual_indicator_id,
        grid_start_utc as period_start_utc,
        cadence,
        cadence_seconds,
        sum(hours) as hours,
        {{ grid_value('value', 'max(time_agg)') }} as value
    from actuals_on_the_grid
    group by forecast, actual_indicator_id, grid_start_utc, cadence, cadence_seconds
),

periods_with_ends as (
    select
        *,
        {{ period_end('period_start_utc', 'cadence', 'cadence_seconds') }} as period_end_utc
    from grid_periods
)

select
    forecast,
    actual_indicator_id,
    period_start_utc,
    period_end_utc,
    value
from periods_with_ends
{#- A period with a missing part does not count. #}
where hours > {{ hours_between('period_start_utc', 'period_end_utc') }} - 1e-3

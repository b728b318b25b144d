{#- What was known a whole number of days before each period began; a backfill was never known ahead. -#}
with {{ forecast_versions() }},

days_ahead as (
    select numbers.lead_days
    from (values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14)) as numbers (lead_days)
),

said_by_lead as (
    select
        versions.forecast,
        versions.actual_indicator_id,
        versions.grid_start_utc,
        days_ahead.lead_days,
        {{ grid_value('versions.value', 'max(registered.time_agg)') }} as predicted,
        sum({{ hours_between('versions.period_start_utc', 'versions.period_end_utc') }}) as hours
    from forecast_versions as versions
    inner join {{ ref('esios_indicators') }} as registered
        on versions.actual_indicator_id = registered.id
    cross join days_ahead
    where versions.known_from_utc <= {{ add_hours('versions.period_start_utc', '-24 * days_ahead.lead_days') }}
        and (
            versions.known_until_utc is null
            or versions.known_until_utc > {{ add_hours('versions.period_start_utc', '-24 * days_ahead.lead_days') }}
        )
    group by versions.forecast, versions.actual_indicator_id, versions.grid_start_utc, days_ahead.lead_days
),

errors as (
    select
        said.forecast,
        said.actual_indicator_id,
        said.lead_days,
        said.predicted - actuals.value as error
    from said_by_lead as said
    inner join {{ ref('forecast_actuals') }} as actuals
        on said.forecast = actuals.forecast
            and said.actual_indicator_id = actuals.actual_indicator_id
            and said.grid_start_utc = actuals.period_start_utc
    where said.hours > {{ hours_between('actuals.period_start_utc', 'actuals.period_end_utc') }} - 1e-3
)

select
    forecast,
    actual_indicator_id,
    lead_days,
    cast(count(*) as {{ type_whole() }}) as predictions_there,
    cast(avg(abs(error)) as {{ type_number() }}) as mae,
    cast(sqrt(avg(error * error)) as {{ type_number() }}) as rmse,
    cast(avg(error) as {{ type_number() }}) as bias
from errors
group by forecast, actual_indicator_id, lead_days

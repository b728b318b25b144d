with {{ forecast_versions() }},

said_by_period as (
    {#- A forecast counts as it stood at the pair's cutoff; where nothing was known by then, as it stands now. #}
    select
        said.forecast,
        said.actual_indicator_id,
        said.grid_start_utc,
        said.period_start_utc,
        said.period_end_utc,
        max(
            case
                when said.known_from_utc <= said.cutoff_utc and (said.known_until_utc is null or said.known_until_utc > said.cutoff_utc)
                    then said.value
            end
        ) as value_ahead,
        max(case when said.known_until_utc is null then said.value end) as value_now,
        min(said.known_from_utc) as first_known_at_utc
    from (
        select
            versions.*,
            {{ cutoff_by_columns('versions.period_start_utc', 'pairs') }} as cutoff_utc
        from forecast_versions as versions
        inner join {{ ref('forecast_pairs') }} as pairs
            on versions.forecast = pairs.forecast
                and versions.actual_indicator_id = pairs.actual_indicator_id
    ) as said
    group by said.forecast, said.actual_indicator_id, said.grid_start_utc, said.period_start_utc, said.period_end_utc
),

said_on_the_grid as (
    select
        said.forecast,
        said.actual_indicator_id,
        said.grid_start_utc as period_start_utc,
        {{ grid_value('coalesce(said.value_ahead, said.value_now)', 'max(registered.time_agg)') }} as predicted,
        min(case when said.value_ahead is not null then 1 else 0 end) as is_known_ahead,
        max(said.first_known_at_utc) as first_known_at_utc,
        sum({{ hours_between('said.period_start_utc', 'said.period_end_utc') }}) as hours
    from said_by_period as said
    inner join {{ ref('esios_indicators') }} as registered
        on said.actual_indicator_id = registered.id
    group by said.forecast, said.actual_indicator_id, said.grid_start_utc
),

forecast_spans as (
    select
        forecast,
        actual_indicator_id,
        {{ day_of(to_madrid('min(period_start_utc)')) }} as first_day,
        {#- A forecast that was ever ahead of its hour is in use, so missing days count; a back-test ends with its last day. #}
        case when max(is_known_ahead) = 0 then {{ day_of(to_madrid('max(period_start_utc)')) }} end as last_day
    from said_on_the_grid
    group by forecast, actual_indicator_id
),

actuals_in_madrid as (
    select
        forecast,
        actual_indicator_id,
        period_start_utc,
        period_end_utc,
        value,
        {{ to_madrid('period_start_utc') }} as datetime_local
    from {{ ref('forecast_actuals') }}
),

actuals_of_a_week_ago as (
    {#- By the clocks of Madrid; the period that comes twice in autumn is one. #}
    select
        forecast,
        actual_indicator_id,
        {{ add_hours('datetime_local', 168) }} as datetime_local,
        avg(value) as value
    from actuals_in_madrid
    group by forecast, actual_indicator_id, datetime_local
),

due_periods as (
    select
        actuals.forecast,
        actuals.actual_indicator_id,
        actuals.period_start_utc,
        actuals.period_end_utc,
        actuals.datetime_local,
        actuals.value as actual,
        pairs.deadline_hours,
        {{ day_of('actuals.datetime_local') }} as madrid_day
    from actuals_in_madrid as actuals
    inner join {{ ref('forecast_pairs') }} as pairs
        on actuals.forecast = pairs.forecast
            and actuals.actual_indicator_id = pairs.actual_indicator_id
    inner join forecast_spans
        on actuals.forecast = forecast_spans.forecast
            and actuals.actual_indicator_id = forecast_spans.actual_indicator_id
    where {{ day_of('actuals.datetime_local') }} >= forecast_spans.first_day
        and (forecast_spans.last_day is null or {{ day_of('actuals.datetime_local') }} <= forecast_spans.last_day)
),

due_with_deadlines as (
    select
        *,
        {{ day_start_utc('madrid_day') }} as day_start_utc,
        {{ add_hours(day_start_utc('madrid_day'), '-deadline_hours') }} as deadline_utc
    from due_periods
),

compared_periods as (
    select
        due.*,
        weeks.value as persistence,
        said.is_known_ahead,
        said.first_known_at_utc,
        {#- A period with a missing part does not count. #}
        case
            when said.hours > {{ hours_between('due.period_start_utc', 'due.period_end_utc') }} - 1e-3 then said.predicted
        end as predicted
    from due_with_deadlines as due
    left join said_on_the_grid as said
        on due.forecast = said.forecast
            and due.actual_indicator_id = said.actual_indicator_id
            and due.period_start_utc = said.period_start_utc
    left join actuals_of_a_week_ago as weeks
        on due.forecast = weeks.forecast
            and due.actual_indicator_id = weeks.actual_indicator_id
            and due.datetime_local = weeks.datetime_local
)

select
    forecast,
    actual_indicator_id,
    period_start_utc,
    datetime_local,
    madrid_day,
    predicted,
    actual,
    persistence,
    is_known_ahead,
    {{ clock_hour('datetime_local') }} as clock_hour,
    predicted - actual as error,
    {#- A prediction known more than a day after its day ended is a backfill or a back-test, and not late. #}
    case
        when first_known_at_utc > {{ add_hours('day_start_utc', 48) }} then null
        when first_known_at_utc > deadline_utc then {{ hours_between('deadline_utc', 'first_known_at_utc') }}
        when first_known_at_utc is not null then 0
    end as lateness_hours
from compared_periods

with hours_in_a_row as (
    select
        published.id,
        published.datetime,
        published.demand_forecast as value,
        registered.plausible_min,
        registered.plausible_max,
        registered.plausible_step,
        lag(published.datetime) over (partition by published.id order by published.datetime) as datetime_before,
        lag(published.demand_forecast) over (partition by published.id order by published.datetime) as row_before,
        lead(published.datetime) over (partition by published.id order by published.datetime) as datetime_after,
        lead(published.demand_forecast) over (partition by published.id order by published.datetime) as row_after
    from {{ ref('demand_forecast_esios') }} as published
    inner join {{ ref('esios_indicators') }} as registered
        on published.id = registered.id
),

neighbouring_hours as (
    select
        id,
        datetime,
        value,
        plausible_min,
        plausible_max,
        plausible_step,
        {#- Null across a gap: only an hour apart is a step. #}
        case when datetime_before = {{ add_hours('datetime', -1) }} then row_before end as value_before,
        case when datetime_after = {{ add_hours('datetime', 1) }} then row_after end as value_after
    from hours_in_a_row
),

judged_hours as (
    select
        id,
        datetime,
        value,
        value_before,
        plausible_step,
        case when value < plausible_min or value > plausible_max then 1 else 0 end as is_out_of_range,
        {#- Far from both neighbours, on the same side: the hour itself is odd, not the change. #}
        case
            when value - value_before > plausible_step and value - value_after > plausible_step then 1
            when value_before - value > plausible_step and value_after - value > plausible_step then 1
            else 0
        end as is_spike
    from neighbouring_hours
),

compared_hours as (
    select
        id,
        datetime,
        value,
        is_out_of_range,
        is_spike,
        case when abs(value - value_before) > plausible_step then 1 else 0 end as is_step,
        {#- Coming back from an odd hour is no step of its own. #}
        lag(case when is_out_of_range = 1 or is_spike = 1 then 1 else 0 end, 1, 0) over (
            partition by id order by datetime
        ) as is_after_odd_hour
    from judged_hours
)

select
    id,
    datetime,
    value,
    case when is_out_of_range = 1 then 'out of range' else 'step too large' end as reason
from compared_hours
where is_out_of_range = 1
    or is_spike = 1
    or (is_step = 1 and is_after_odd_hour = 0)

with in_madrid as (
    select
        name,
        id,
        datetime,
        demand_forecast,
        update_timestamp,
        {{ to_madrid('datetime') }} as datetime_local
    from {{ ref('demand_forecast_esios') }}
)

select
    name,
    id,
    datetime,
    demand_forecast,
    update_timestamp,
    datetime_local,
    {{ offset_text(hours_from_to('datetime', 'datetime_local')) }} as utc_offset,
    {{ hours_from_to(from_madrid(midnight_of('datetime_local')), 'datetime') }} + 1 as hour_of_day
from in_madrid

with landed_windows as (
    select
        indicator_id,
        window_start_utc,
        window_end_utc,
        extracted_at_utc as asked_at_utc
    from {{ ref('stg_esios__indicator_responses') }}
    union all
    select
        indicator_id,
        window_start_utc,
        window_end_utc,
        checked_at_utc as asked_at_utc
    from {{ source('raw_esios', 'window_checks') }}
),

last_asked as (
    select
        landed_windows.indicator_id,
        landed_windows.window_start_utc,
        landed_windows.window_end_utc,
        max(landed_windows.asked_at_utc) as asked_at_utc
    from landed_windows
    inner join {{ ref('esios_indicators') }} as registered
        on landed_windows.indicator_id = registered.id
    where registered.role = 'demand_forecast'
    group by landed_windows.indicator_id, landed_windows.window_start_utc, landed_windows.window_end_utc
),

end_of_madrid_day as (
    select
        indicator_id,
        window_start_utc,
        window_end_utc,
        {{ from_madrid(midnight_of(add_hours(midnight_of(to_madrid('asked_at_utc')), 36))) }} as day_end_utc
    from last_asked
),

due_spans as (
    select
        indicator_id,
        window_start_utc,
        case when window_end_utc < day_end_utc then window_end_utc else day_end_utc end as due_end_utc
    from end_of_madrid_day
    where window_start_utc < day_end_utc
),

due_hours as (
    select distinct
        due_spans.indicator_id as id,
        each_hour.hour_utc
    from {{ each_hour('due_spans', 'window_start_utc', 'due_end_utc') }}
),

missing_hours as (
    select
        due_hours.id,
        due_hours.hour_utc,
        row_number() over (partition by due_hours.id order by due_hours.hour_utc) as missing_number
    from due_hours
    left join {{ ref('demand_forecast_esios') }} as published
        on due_hours.id = published.id
            and due_hours.hour_utc = published.datetime
    where published.id is null
),

missing_runs as (
    select
        id,
        hour_utc,
        {#- Constant within a run of consecutive hours. #}
        {{ add_hours('hour_utc', '-missing_number') }} as run_anchor
    from missing_hours
)

select
    id,
    min(hour_utc) as gap_start_utc,
    max(hour_utc) as gap_end_utc,
    count(*) as hours
from missing_runs
group by id, run_anchor

with published_spans as (
    select
        due_spans.indicator_id,
        due_spans.window_start_utc,
        due_spans.due_end_utc
    from {{ ref('due_spans') }} as due_spans
    inner join {{ ref('esios_indicators') }} as registered
        on due_spans.indicator_id = registered.id
    where registered.role = 'demand_forecast'
),

due_hours as (
    select distinct
        published_spans.indicator_id as id,
        each_hour.hour_utc
    from {{ each_hour('published_spans', 'window_start_utc', 'due_end_utc') }}
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

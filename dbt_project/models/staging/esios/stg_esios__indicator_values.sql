{{ config(materialized=step()) }}

select
    response_id,
    indicator_id,
    geo_id,
    geo_name,
    indicator_name,
    period_start_utc,
    period_end_utc,
    value,
    values_updated_at_utc,
    extracted_at_utc,
    case when period_start_utc >= window_start_utc and period_start_utc < window_end_utc then 1 else 0 end as is_in_window
from {{ ref('stg_esios__judged_entries') }}
where is_registered_area = 1
    and code is null

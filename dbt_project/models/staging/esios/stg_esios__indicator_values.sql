{{ config(materialized='view') }}

select
    entries.response_id,
    entries.indicator_id,
    entries.geo_id,
    entries.geo_name,
    responses.indicator_name,
    entries.period_start_utc,
    entries.period_end_utc,
    entries.value,
    responses.values_updated_at_utc,
    responses.extracted_at_utc,
    case
        when entries.period_start_utc >= responses.window_start_utc and entries.period_start_utc < responses.window_end_utc
            then 1
        else 0
    end as is_in_window
from {{ ref('stg_esios__judged_entries') }} as entries
inner join {{ ref('stg_esios__indicator_responses') }} as responses
    on entries.response_id = responses.response_id
where entries.is_registered_area = 1
    and entries.code is null

{{ config(materialized='view') }}

with quarantined_entries as (
    select *
    from {{ ref('stg_esios__judged_entries') }}
    where is_registered_area = 1
        and code is not null
){{ written_by_response('quarantined_entries') }}

select
    quarantined_entries.response_id,
    quarantined_entries.indicator_id,
    quarantined_entries.geo_id,
    quarantined_entries.geo_name,
    quarantined_entries.period_start_utc,
    quarantined_entries.datetime_text,
    quarantined_entries.value_text,
    quarantined_entries.code,
    quarantined_entries.run_id,
    quarantined_entries.extracted_at_utc,
    {#- An entry whose time cannot be read, or lies outside the window, is replaced only by a response for the whole window. #}
    case
        when exists (
                select 1
                from {{ ref('stg_esios__indicator_responses') }} as later
                where later.indicator_id = quarantined_entries.indicator_id
                    and later.extracted_at_utc > quarantined_entries.extracted_at_utc
                    and (
                        (
                            later.window_start_utc <= quarantined_entries.period_start_utc
                            and later.window_end_utc > quarantined_entries.period_start_utc
                        )
                        or (
                            later.window_start_utc <= quarantined_entries.window_start_utc
                            and later.window_end_utc >= quarantined_entries.window_end_utc
                        )
                    )
            ) then 1
        else 0
    end as is_superseded
from quarantined_entries

{{ config(materialized='view') }}

with judged_values as (
    select
        staged.response_id,
        staged.indicator_id,
        staged.geo_id,
        staged.period_start_utc,
        staged.datetime_text,
        staged.value_text,
        answered.window_start_utc,
        answered.window_end_utc,
        answered.run_id,
        answered.extracted_at_utc,
        {{ rejected_because('staged', 'registered', 'areas', 'cadences') }} as rejected_because
    from {{ ref('stg_esios__response_values') }} as staged
    inner join {{ ref('stg_esios__indicator_responses') }} as answered
        on staged.response_id = answered.response_id
    {{ join_registry('staged') }}
)

select
    judged_values.response_id,
    judged_values.indicator_id,
    judged_values.geo_id,
    judged_values.period_start_utc,
    judged_values.datetime_text,
    judged_values.value_text,
    judged_values.rejected_because,
    judged_values.run_id,
    judged_values.extracted_at_utc,
    {#- Where the time cannot be read, or lies outside the window, it takes an answer for all of the window. #}
    case
        when exists (
                select 1
                from {{ ref('stg_esios__indicator_responses') }} as later
                where later.indicator_id = judged_values.indicator_id
                    and later.extracted_at_utc > judged_values.extracted_at_utc
                    and (
                        (
                            later.window_start_utc <= judged_values.period_start_utc
                            and later.window_end_utc > judged_values.period_start_utc
                        )
                        or (
                            later.window_start_utc <= judged_values.window_start_utc
                            and later.window_end_utc >= judged_values.window_end_utc
                        )
                    )
            ) then 1
        else 0
    end as is_superseded
from judged_values
where judged_values.rejected_because is not null

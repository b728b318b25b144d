with questions as (
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
)

{{ due_spans('questions') }}

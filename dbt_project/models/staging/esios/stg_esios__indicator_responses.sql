{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='append_new_columns',
    indexes=clustered_on(['response_id'], unique=true)
    + indexed_on(['extracted_at_utc', 'indicator_id', 'window_start_utc'])
    + indexed_on(['indicator_id', 'response_id']),
    pre_hook='{{ add_asked_columns(this) }}',
    post_hook='{{ stage_further_responses(this) }}'
) }}

{%- set unstaged = not_staged(source('raw_esios', 'indicator_responses'), this) if is_incremental() else '1 = 1' -%}
{{ described_responses(unstaged, (landed_batches(unstaged) or [none])[0], highest(this, 'response_id') if is_incremental() else 0) }}

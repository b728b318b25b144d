{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    indexes=clustered_on(['response_id'], unique=true)
    + indexed_on(['extracted_at_utc', 'indicator_id', 'window_start_utc'])
    + indexed_on(['indicator_id', 'response_id'])
) }}

{#- No plain watermark: an answer may be committed late, with an older extracted_at_utc than the newest one staged. The
    payloads are read only of what is new. -#}
{%- set last_response_id = highest(this, 'response_id') if is_incremental() else 0 -%}
with new_answers as (
    select
        landed.indicator_id,
        landed.window_start_utc,
        landed.window_end_utc,
        landed.payload_sha256,
        landed.run_id,
        landed.extracted_at_utc
    from {{ source('raw_esios', 'indicator_responses') }} as landed
    {% if is_incremental() %}
    where {{ not_staged(source('raw_esios', 'indicator_responses'), this) }}
    {% endif %}
),

new_payloads as (
    select
        new_answers.indicator_id,
        new_answers.window_start_utc,
        new_answers.window_end_utc,
        new_answers.payload_sha256,
        new_answers.run_id,
        new_answers.extracted_at_utc,
        {{ readable_json('landed.payload') }} as payload
    from new_answers
    inner join {{ source('raw_esios', 'indicator_responses') }} as landed
        on {{ same_answer('new_answers', 'landed') }}
),

described as (
    select
        indicator_id,
        window_start_utc,
        window_end_utc,
        payload_sha256,
        run_id,
        extracted_at_utc,
        {{ json_text('payload', '$.indicator.name') }} as indicator_name,
        {{ json_text('payload', '$.indicator.values_updated_at') }} as values_updated_at_text
    from new_payloads
)

select
    cast(
        {{ last_response_id }} + row_number() over (
            order by
                described.extracted_at_utc, described.indicator_id, described.window_start_utc,
                described.window_end_utc, described.run_id, described.payload_sha256
        ) as {{ type_counter() }}
    ) as response_id,
    cast(described.indicator_id as {{ type_whole() }}) as indicator_id,
    cast(described.window_start_utc as {{ type_instant() }}) as window_start_utc,
    cast(described.window_end_utc as {{ type_instant() }}) as window_end_utc,
    cast(described.payload_sha256 as {{ type_code(64) }}) as payload_sha256,
    cast(described.run_id as {{ type_code(64) }}) as run_id,
    described.extracted_at_utc,
    cast(described.indicator_name as {{ type_text(200) }}) as indicator_name,
    {{ parse_instant('described.values_updated_at_text') }} as values_updated_at_utc
from described

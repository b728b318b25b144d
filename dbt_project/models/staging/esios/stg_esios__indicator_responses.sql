{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='append_new_columns',
    indexes=clustered_on(['response_id'], unique=true)
    + indexed_on(['extracted_at_utc', 'indicator_id', 'window_start_utc'])
    + indexed_on(['indicator_id', 'response_id']),
    pre_hook='{{ add_asked_columns(this) }}'
) }}

{#- No plain watermark: a response may be committed late, with an older extracted_at_utc than the newest one staged. The
    payloads are read only of what is new. -#}
{%- set last_response_id = highest(this, 'response_id') if is_incremental() else 0 -%}
{%- set texts = json_texts('new_payloads.payload', ['$.indicator.name', '$.indicator.values_updated_at']) %}
with new_responses as (
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
        {{ stays_small('new_responses') }}
        new_responses.indicator_id,
        new_responses.window_start_utc,
        new_responses.window_end_utc,
        new_responses.payload_sha256,
        new_responses.run_id,
        new_responses.extracted_at_utc,
        landed.source_url,
        landed.payload
    from new_responses
    inner join {{ source('raw_esios', 'indicator_responses') }} as landed
        on {{ same_answer('new_responses', 'landed') }}
),

described as (
    select
        new_payloads.indicator_id,
        new_payloads.window_start_utc,
        new_payloads.window_end_utc,
        new_payloads.payload_sha256,
        new_payloads.run_id,
        new_payloads.extracted_at_utc,
        {%- for column in asked_columns() %}
        {{ asked_for(column, 'new_payloads.source_url') }} as {{ column }},
        {%- endfor %}
        {{ texts[0] }} as indicator_name,
        {{ texts[1] }} as values_updated_at_text
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
    {%- for column, type in asked_columns().items() %}
    cast(described.{{ column }} as {{ type }}) as {{ column }},
    {%- endfor %}
    {{ parse_instant('described.values_updated_at_text') }} as values_updated_at_utc
from described

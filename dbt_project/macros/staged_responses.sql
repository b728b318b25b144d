{#- Landed responses, staged: numbered, and described by what their payloads and addresses say of them. -#}

{% macro described_responses(unstaged, batch, last_response_id, table=none) %}
    {#- Query of the landed responses of a batch that a condition is true of, numbered from the last response_id on; `table`:
        where to insert them. A payload is opened where it lies: what is put in order has none. -#}
{%- set texts = json_texts('landed.payload', ['$.indicator.name', '$.indicator.values_updated_at']) %}
{% call rows_for(table, 'numbered_responses') -%}
with described as (
    select
        landed.indicator_id,
        landed.window_start_utc,
        landed.window_end_utc,
        landed.payload_sha256,
        landed.run_id,
        landed.extracted_at_utc,
        {%- for column in asked_columns() %}
        {{ asked_for(column, 'landed.source_url') }} as {{ column }},
        {%- endfor %}
        {{ texts[0] }} as indicator_name,
        {{ texts[1] }} as values_updated_at_text
    from {{ source('raw_esios', 'indicator_responses') }} as landed
    where {{ unstaged }}
        and {{ 'landed.extracted_at_utc between ' ~ batch[0] ~ ' and ' ~ batch[1] if batch else '1 = 0' }}
),

numbered_responses as (
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
)
{%- endcall %}
{% endmacro %}

{% macro stage_further_responses(table) %}
    {#- Post-hook: the batches after the one that the model itself has staged, in the same transaction. -#}
    {%- if execute -%}
        {%- set unstaged = not_staged(source('raw_esios', 'indicator_responses'), table) -%}
        {%- set last_response_id = '(select coalesce(max(response_id), 0) from ' ~ table ~ ')' -%}
        {%- set statements = [] -%}
        {%- for batch in landed_batches(unstaged) -%}
            {%- do statements.append(described_responses(unstaged, batch, last_response_id, table)) -%}
        {%- endfor -%}
        {{ one_by_one(statements) }}
    {%- endif -%}
{% endmacro %}

{% macro rows_for(table, rows) %}
    {#- The query of all of `rows`, the last of the CTEs in the call's block, or its insert into a table, column by column: a table
        of before has its columns in another order. -#}
    {%- if table is none -%}
{{ caller() }}
select *
from {{ rows }}
    {%- else -%}
    {%- set columns = adapter.get_columns_in_relation(table) | map(attribute='name') | join(', ') -%}
{{ insert_of_rows(table, columns, caller(), rows) }}
    {%- endif -%}
{% endmacro %}

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    partition_by=in_parts_by_month('period_start_utc'),
    liquid_clustered_by=['indicator_id', 'period_start_utc'],
    indexes=clustered_on(['response_id', 'period_start_utc'])
    + indexed_on(
        ['indicator_id', 'period_start_utc'],
        included=['geo_id', 'value', 'seconds_past_hour', 'next_start_utc', 'code']
    ),
    pre_hook="{{ drop_table_of_before('stg_esios__response_values') }}",
    post_hook='{{ stage_further_entries(this) }}'
) }}

{#- The first batch; the others are inserted once the table exists. -#}
{%- set batches = batches_of_responses(highest(this, 'response_id')) if is_incremental() else [[1, responses_at_once(), none, none]] -%}
{{ entries_of_responses((batches or [none])[0]) }}

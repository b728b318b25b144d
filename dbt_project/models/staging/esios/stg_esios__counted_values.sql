-- depends_on: {{ ref('stg_esios__response_entries') }}
{{ config(
    materialized='view',
    meta={'kept': {'rows_of': 'stg_esios__response_entries', 'counter': 'response_id'}}
) }}

{{ all_counted_values() }}

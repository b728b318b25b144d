-- depends_on: {{ ref('stg_esios__response_entries') }}
{{ config(
    materialized='view',
    partition_by=in_parts_by_month('period_start_utc'),
    meta={'kept': {'rows_of': 'stg_esios__response_entries', 'counter': 'response_id'}}
) }}

{{ all_counted_values() }}

{{ config(materialized='view') }}

{{ counted_values() }}

{{ config(
    materialized='incremental',
    incremental_strategy=replacing_by_key(),
    unique_key=['id', 'datetime'],
    on_schema_change='append_new_columns',
    full_refresh=false,
    pre_hook=['{{ create_publication_log() }}', "{{ keep_in_order_of(publication_log(), ['indicator_id', 'response_id']) }}"],
    post_hook=["{{ keep_in_order_of(this, ['id', 'datetime']) }}", '{{ write_publication_log(this) }}']
) }}

{#- Work in proportion to what is new: only the periods in responses behind the watermark. -#}
{%- set due = none -%}
{%- if is_incremental() and not var('republish') -%}
    {%- set due = forecasts_to_publish(this) -%}
{%- endif -%}
select
    cast(coalesce(names.indicator_name, registered.name) as {{ type_text(200) }}) as name,
    cast(versions.indicator_id as {{ type_whole() }}) as id,
    cast(versions.period_start_utc as {{ type_instant() }}) as datetime,
    cast(versions.value as {{ type_number() }}) as demand_forecast,
    cast(
        {{ to_second('coalesce(responses.values_updated_at_utc, responses.extracted_at_utc)') }} as {{ type_instant() }}
    ) as update_timestamp
from {{ ref('esios_value_versions') }} as versions
inner join {{ ref('esios_indicators') }} as registered
    on versions.indicator_id = registered.id
inner join {{ ref('stg_esios__indicator_responses') }} as responses
    on versions.confirmed_response_id = responses.response_id
left join {{ ref('stg_esios__indicator_names') }} as names
    on versions.indicator_id = names.indicator_id
where registered.role = 'demand_forecast'
    and versions.known_until_utc is null
    and {{ newer_than(due, 'versions', 'last_response_id') if due is not none else '1 = 1' }}

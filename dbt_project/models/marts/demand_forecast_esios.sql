{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['id', 'datetime'],
    on_schema_change='append_new_columns',
    full_refresh=false,
    pre_hook=['{{ create_publication_log() }}', "{{ keep_in_order_of(publication_log(), ['indicator_id', 'response_id']) }}"],
    post_hook=["{{ keep_in_order_of(this, ['id', 'datetime']) }}", '{{ write_publication_log() }}']
) }}

{#- Work in proportion to what is new: the hours that answers behind the watermark touch, and of those hours every
    answer, so that one committed late with an older extraction time does not beat a newer one. -#}
{%- set behind = none -%}
{%- if is_incremental() and not var('republish') -%}
    {%- set behind = indicators_behind(newest_value(), last_published(this), role='demand_forecast') -%}
{%- endif -%}
with touched_hours as (
    {{ touched_hours(behind, role='demand_forecast') }}
),

answers_by_age as (
    select
        answered.indicator_id,
        answered.indicator_name,
        answered.period_start_utc,
        answered.value,
        answered.values_updated_at_utc,
        answered.extracted_at_utc,
        row_number() over (
            partition by answered.indicator_id, answered.period_start_utc
            order by answered.extracted_at_utc desc, answered.response_id desc
        ) as age
    from {{ ref('stg_esios__indicator_values') }} as answered
    inner join touched_hours
        on answered.indicator_id = touched_hours.indicator_id
            and answered.period_start_utc = touched_hours.period_start_utc
)

select
    cast(coalesce(newest.indicator_name, registered.name) as {{ type_text(200) }}) as name,
    cast(newest.indicator_id as {{ type_whole() }}) as id,
    cast(newest.period_start_utc as {{ type_instant() }}) as datetime,
    cast(newest.value as {{ type_number() }}) as demand_forecast,
    cast({{ to_second('coalesce(newest.values_updated_at_utc, newest.extracted_at_utc)') }} as {{ type_instant() }}) as update_timestamp
from answers_by_age as newest
inner join {{ ref('esios_indicators') }} as registered
    on newest.indicator_id = registered.id
where newest.age = 1

{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['id', 'datetime'],
    on_schema_change='append_new_columns',
    full_refresh=false,
    pre_hook='{{ create_publication_log() }}',
    post_hook=["{{ keep_in_order_of(this, ['id', 'datetime']) }}", '{{ write_publication_log() }}']
) }}

{#- Work in proportion to what is new: the hours that answers behind the watermark touch, and of those hours every
    answer, so that one committed late with an older extraction time does not beat a newer one. -#}
with last_published as (
    {% if is_incremental() and not var('republish') %}
    {#- A table that was emptied or made anew by hand is filled from the first answer on, whatever the log says. #}
    select
        logged.indicator_id,
        max(logged.response_id) as response_id
    from {{ publication_log() }} as logged
    where logged.indicator_id in (select published.id from {{ this }} as published)
    group by logged.indicator_id
    {% else %}
    select
        id as indicator_id,
        0 as response_id
    from {{ ref('esios_indicators') }}
    {% endif %}
),

touched_hours as (
    select distinct
        staged.indicator_id,
        staged.period_start_utc
    from {{ ref('stg_esios__response_values') }} as staged
    inner join {{ ref('esios_indicators') }} as registered
        on staged.indicator_id = registered.id
    left join last_published
        on staged.indicator_id = last_published.indicator_id
    where registered.role = 'demand_forecast'
        and staged.response_id > coalesce(last_published.response_id, 0)
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

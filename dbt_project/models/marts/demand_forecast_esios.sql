{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['id', 'datetime'],
    on_schema_change='append_new_columns',
    full_refresh=false,
    indexes=clustered_on(['id', 'datetime'], unique=true),
    pre_hook='{{ create_publication_log() }}',
    post_hook='{{ write_publication_log() }}'
) }}

{#- Work in proportion to what is new: the hours that answers behind the watermark touch, and of those hours every
    answer, so that one committed late with an older extraction time does not beat a newer one. -#}
with published_indicators as (
    select
        registered.id,
        registered.name,
        {% if is_incremental() and not var('republish') %}
            {#- A table that was emptied or made anew by hand is filled from the first answer on, whatever the log says. #}
            case
                when exists (select 1 from {{ this }} as published where published.id = registered.id)
                    then coalesce(
                        (select max(logged.response_id) from {{ publication_log() }} as logged where logged.indicator_id = registered.id),
                        0
                    )
                else 0
            end as last_response_id
        {% else %}
            0 as last_response_id
        {% endif %}
    from {{ ref('esios_indicators') }} as registered
    where registered.role = 'demand_forecast'
),

touched_hours as (
    select distinct
        staged.indicator_id,
        staged.period_start_utc
    from {{ ref('stg_esios__response_values') }} as staged
    inner join published_indicators
        on staged.indicator_id = published_indicators.id
            and staged.response_id > published_indicators.last_response_id
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
    cast(coalesce(newest.indicator_name, published_indicators.name) as {{ type_text(200) }}) as name,
    cast(newest.indicator_id as {{ type_whole() }}) as id,
    cast(newest.period_start_utc as {{ type_instant() }}) as datetime,
    cast(newest.value as {{ type_number() }}) as demand_forecast,
    cast({{ to_second('coalesce(newest.values_updated_at_utc, newest.extracted_at_utc)') }} as {{ type_instant() }}) as update_timestamp
from answers_by_age as newest
inner join published_indicators
    on newest.indicator_id = published_indicators.id
where newest.age = 1

-- depends_on: {{ ref('esios_indicators') }}
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['indicator_id', 'period_start_utc'],
    on_schema_change='append_new_columns',
    indexes=clustered_on(['indicator_id', 'period_start_utc'], unique=true)
    + indexed_on(['indicator_id', 'madrid_day'], included=['datetime_local', 'value'])
    + indexed_on(['indicator_id', 'last_response_id'], included=['madrid_day'])
) }}

{#- Work in proportion to what is new, as in the mart: the hours that new answers touch, and of those every answer. -#}
{%- set newest, behind = newest_value(), none -%}
{%- if is_incremental() -%}
    {%- set behind = indicators_behind(newest, highest_of_indicator(this, 'last_response_id')) -%}
{%- endif -%}
with touched_periods as (
    {{ touched_periods(behind) }}
),

areas_judged as (
    {#- One area an indicator: this table has no column for more. #}
    select
        indicator_id,
        max(geo_id) as geo_id
    from {{ ref('esios_indicator_areas') }}
    group by indicator_id
),

usable_answers as (
    select
        answered.indicator_id,
        answered.period_start_utc,
        answered.response_id,
        answered.values_updated_at_utc,
        answered.extracted_at_utc,
        {#- Held at ±1e15, so that no later arithmetic overflows on the most absurd of numbers. #}
        case
            when answered.value > 1e15 then 1e15
            when answered.value < -1e15 then -1e15
            else answered.value
        end as value
    from {{ ref('stg_esios__indicator_values') }} as answered
    inner join touched_periods
        on answered.indicator_id = touched_periods.indicator_id
            and answered.period_start_utc = touched_periods.period_start_utc
    inner join areas_judged
        on answered.indicator_id = areas_judged.indicator_id
            and answered.geo_id = areas_judged.geo_id
),

answers_in_order as (
    select
        indicator_id,
        period_start_utc,
        response_id,
        value,
        values_updated_at_utc,
        extracted_at_utc,
        lag(value) over (
            partition by indicator_id, period_start_utc
            order by extracted_at_utc, response_id
        ) as value_before,
        row_number() over (
            partition by indicator_id, period_start_utc
            order by extracted_at_utc, response_id
        ) as answer_number,
        row_number() over (
            partition by indicator_id, period_start_utc
            order by extracted_at_utc desc, response_id desc
        ) as age,
        {#- 1: the last answer from before the hour began; what a forecaster could know. #}
        row_number() over (
            partition by
                indicator_id, period_start_utc,
                case when extracted_at_utc < period_start_utc then 1 else 0 end
            order by extracted_at_utc desc, response_id desc
        ) as age_on_its_side
    from usable_answers
),

hours_with_their_history as (
    select
        indicator_id,
        period_start_utc,
        max(case when age = 1 then value end) as value,
        max(case when age_on_its_side = 1 and extracted_at_utc < period_start_utc then value end) as value_ahead,
        max(case when answer_number = 1 then values_updated_at_utc end) as first_published_at_utc,
        min(extracted_at_utc) as first_landed_at_utc,
        count(*) as answers,
        sum(case when value <> value_before then 1 else 0 end) as revisions,
        max(abs(value - value_before)) as largest_revision,
        max(case when value <> value_before then extracted_at_utc end) as last_revised_at_utc,
        max(response_id) as last_response_id
    from answers_in_order
    group by indicator_id, period_start_utc
),

hours_in_madrid as (
    select
        *,
        {{ to_madrid('period_start_utc') }} as datetime_local
    from hours_with_their_history
)

select
    indicator_id,
    period_start_utc,
    cast(datetime_local as {{ type_instant() }}) as datetime_local,
    {{ day_of('datetime_local') }} as madrid_day,
    value,
    value_ahead,
    first_published_at_utc,
    first_landed_at_utc,
    cast(answers as {{ type_whole() }}) as answers,
    cast(revisions as {{ type_whole() }}) as revisions,
    cast(largest_revision as {{ type_number() }}) as largest_revision,
    last_revised_at_utc,
    last_response_id
from hours_in_madrid

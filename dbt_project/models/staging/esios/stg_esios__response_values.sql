{{ config(
    materialized='incremental',
    incremental_strategy='append',
    indexes=clustered_on(['response_id', 'period_start_utc'])
    + indexed_on(['indicator_id', 'response_id'], included=['period_start_utc'])
    + indexed_on(
        ['indicator_id', 'period_start_utc'], included=['geo_id', 'value', 'seconds_past_hour', 'unusable_because']
    )
) }}

with new_answers as (
    select
        staged.response_id,
        staged.indicator_id,
        staged.window_start_utc,
        staged.window_end_utc,
        staged.payload_sha256,
        staged.run_id,
        staged.extracted_at_utc
    from {{ ref('stg_esios__indicator_responses') }} as staged
    {% if is_incremental() %}
    where staged.response_id > {{ highest(this, 'response_id') }}
    {% endif %}
),

payloads as (
    select
        new_answers.response_id,
        new_answers.indicator_id,
        {#- An answer that is no JSON counts as one entry that cannot be read. #}
        coalesce({{ readable_json('landed.payload') }}, '{"indicator":{"values":[{}]}}') as payload
    from new_answers
    inner join {{ source('raw_esios', 'indicator_responses') }} as landed
        on {{ same_answer('new_answers', 'landed') }}
),

entries as (
    {{ explode_values('payloads') }}
),

typed_entries as (
    select
        response_id,
        indicator_id,
        datetime_text,
        value_text,
        {{ parse_instant('datetime_text') }} as period_start_utc,
        {{ parse_number('value_text') }} as value,
        {{ parse_whole('geo_text') }} as geo_id
    from entries
),

judged_entries as (
    select
        response_id,
        indicator_id,
        datetime_text,
        value_text,
        period_start_utc,
        value,
        geo_id,
        case
            when period_start_utc is null then 'the time cannot be read'
            {#- Z says UTC and nothing of Madrid; any other offset must be the one that Madrid has at that instant. #}
            when datetime_text not like '%Z' and {{ wall_clock('datetime_text') }} <> {{ to_madrid(to_second('period_start_utc')) }}
                then 'the offset contradicts Europe/Madrid'
            when value_text is null then 'the value is null'
            when value is null then 'the value is not a number'
        end as unusable_because
    from typed_entries
),

usable_areas as (
    select
        *,
        {#- An entry without area may be any area: it is compared with all entries of its hour. #}
        max(case when unusable_because is null and geo_id is null then 1 else 0 end) over (
            partition by response_id, period_start_utc
        ) as hour_has_entry_without_area
    from judged_entries
),

compared_entries as (
    select
        *,
        min(case when unusable_because is null then value end) over (
            partition by response_id, period_start_utc, case when hour_has_entry_without_area = 0 then geo_id end
        ) as least_value,
        max(case when unusable_because is null then value end) over (
            partition by response_id, period_start_utc, case when hour_has_entry_without_area = 0 then geo_id end
        ) as greatest_value
    from usable_areas
)

select
    response_id,
    indicator_id,
    geo_id,
    cast(datetime_text as {{ type_text(64) }}) as datetime_text,
    cast(left(value_text, 64) as {{ type_text(64) }}) as value_text,
    period_start_utc,
    cast({{ seconds_past_hour('period_start_utc') }} as {{ type_seconds() }}) as seconds_past_hour,
    value,
    cast(
        case
            when unusable_because is null and least_value <> greatest_value then 'two values for one hour in one answer'
            else unusable_because
        end as {{ type_code(50) }}
    ) as unusable_because
from compared_entries

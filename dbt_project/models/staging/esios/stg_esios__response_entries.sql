{{ config(
    materialized='incremental',
    incremental_strategy='append',
    indexes=clustered_on(['response_id', 'period_start_utc'])
    + indexed_on(
        ['indicator_id', 'period_start_utc'],
        included=['geo_id', 'value', 'seconds_past_hour', 'next_start_utc', 'code']
    ),
    pre_hook="{{ drop_table_of_before('stg_esios__response_values') }}"
) }}

with new_responses as (
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
        new_responses.response_id,
        new_responses.indicator_id,
        {#- A response that is no JSON counts as one entry that cannot be read. #}
        coalesce({{ readable_json('landed.payload') }}, '{"indicator":{"values":[{}]}}') as payload
    from new_responses
    inner join {{ source('raw_esios', 'indicator_responses') }} as landed
        on {{ same_answer('new_responses', 'landed') }}
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
        geo_name,
        {{ parse_instant('datetime_text') }} as period_start_utc,
        {{ parse_number('value_text') }} as value,
        {{ parse_whole('geo_text') }} as geo_id
    from entries
),

read_entries as (
    select
        *,
        case
            when period_start_utc is null then 'time_unreadable'
            {#- Z says UTC and nothing of Madrid; any other offset must be the one that Madrid has at that instant. #}
            when datetime_text not like '%Z' and {{ wall_clock('datetime_text') }} <> {{ to_madrid(to_second('period_start_utc')) }}
                then 'offset_contradicts'
            when value_text is null then 'value_null'
            when value is null then 'value_not_number'
        end as code
    from typed_entries
),

entries_with_areas as (
    {#- An entry without area may be any area's. #}
    select
        *,
        max(case when code is null and geo_id is null then 1 else 0 end) over (
            partition by response_id, period_start_utc
        ) as instant_lacks_area,
        max(case when geo_id is null then 1 else 0 end) over (partition by response_id) as response_lacks_area
    from read_entries
),

entries_in_order as (
    select
        *,
        {#- An instant that cannot be trusted follows nothing. #}
        lead(period_start_utc) over (
            partition by
                response_id,
                case when code in ('time_unreadable', 'offset_contradicts') then 1 else 0 end,
                case when response_lacks_area = 0 then geo_id end
            order by period_start_utc
        ) as next_entry_utc
    from entries_with_areas
),

compared_entries as (
    select
        *,
        min(case when code is null then value end) over (
            partition by response_id, period_start_utc, case when instant_lacks_area = 0 then geo_id end
        ) as least_value,
        max(case when code is null then value end) over (
            partition by response_id, period_start_utc, case when instant_lacks_area = 0 then geo_id end
        ) as greatest_value,
        {#- Of several entries at one instant only the last is followed by another instant. #}
        min(case when next_entry_utc > period_start_utc then next_entry_utc end) over (
            partition by response_id, period_start_utc, case when instant_lacks_area = 0 then geo_id end
        ) as next_start_utc
    from entries_in_order
)

select
    response_id,
    indicator_id,
    geo_id,
    cast(geo_name as {{ type_text(100) }}) as geo_name,
    cast(datetime_text as {{ type_text(64) }}) as datetime_text,
    cast(left(value_text, 64) as {{ type_text(64) }}) as value_text,
    period_start_utc,
    next_start_utc,
    cast({{ seconds_past_hour('period_start_utc') }} as {{ type_seconds() }}) as seconds_past_hour,
    value,
    cast(case when code is null and least_value <> greatest_value then 'two_values' else code end as {{ type_code(30) }}) as code
from compared_entries

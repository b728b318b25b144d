{% macro entries_of_responses(batch, table=none) %}
    {#- Query of the entries of a batch of responses, none for no batch; `table`: where to insert them. -#}
{#- One order for all entries: whatever comes again stands side by side. -#}
{%- set in_order = 'partition by response_id, has_clear_time order by geo_id, period_start_utc' -%}
{%- set rivals = 'partition by response_id, period_start_utc, case when instant_lacks_area = 0 then geo_id end' -%}
{%- set entry = 'response_id, indicator_id, geo_id, geo_name, datetime_text, value_text, period_start_utc, value' -%}
{% call rows_for(table, 'cut_entries') -%}
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
    where {{ 'staged.response_id between ' ~ batch[0] ~ ' and ' ~ batch[1] if batch else '1 = 0' }}
),

payloads as (
    select
        {{ stays_small('new_responses') }}
        new_responses.response_id,
        new_responses.indicator_id,
        landed.payload
    {#- In this order the payloads stay even where Sail knows no difference in size. #}
    from new_responses
    inner join {{ source('raw_esios', 'indicator_responses') }} as landed
        on {{ same_answer('new_responses', 'landed') }}
    {% if batch and batch[2] %}
    where landed.extracted_at_utc between {{ batch[2] }} and {{ batch[3] }}
    {% endif %}
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
            when datetime_text not like '%Z' and {{ wall_clock('datetime_text', 'period_start_utc') }} <> {{ to_madrid(to_second('period_start_utc')) }}
                then 'offset_contradicts'
            when value_text is null then 'value_null'
            when value is null then 'value_not_number'
        end as code
    from typed_entries
),

timed_entries as (
    select
        *,
        case when code in ('time_unreadable', 'offset_contradicts') then 0 else 1 end as has_clear_time
    from read_entries
),

entries_in_order as (
    select
        *,
        max(case when geo_id is null then 1 else 0 end) over (
            {{ in_order }} rows between unbounded preceding and unbounded following
        ) as response_lacks_area,
        lag(geo_id) over ({{ in_order }}) as geo_id_before,
        lag(period_start_utc) over ({{ in_order }}) as start_before_utc,
        lead(geo_id) over ({{ in_order }}) as geo_id_after,
        lead(period_start_utc) over ({{ in_order }}) as start_after_utc
    from timed_entries
),

sifted_entries as (
    {#- Entries to compare with others: those without an area, which may be of any; those whose time is not trusted; and
        those whose instant and area come again. #}
    select
        *,
        case
            when response_lacks_area = 1 or has_clear_time = 0 then 1
            when geo_id = geo_id_before and period_start_utc = start_before_utc then 1
            when geo_id = geo_id_after and period_start_utc = start_after_utc then 1
            else 0
        end as is_doubtful
    from entries_in_order
){{ written_once('sifted_entries') }},

doubtful_entries as (
    {#- Equal entries are one. #}
    select
        {{ entry }},
        code,
        has_clear_time,
        response_lacks_area,
        {#- Only the last of repeated entries is followed by another instant. #}
        max(case when geo_id = geo_id_after and period_start_utc < start_after_utc then start_after_utc end) as start_after_utc
    from sifted_entries
    where is_doubtful = 1
    group by {{ entry }}, code, has_clear_time, response_lacks_area
),

doubtful_instants as (
    select
        *,
        max(case when code is null and geo_id is null then 1 else 0 end) over (
            partition by response_id, period_start_utc
        ) as instant_lacks_area,
        lead(period_start_utc) over (
            partition by response_id, has_clear_time
            order by period_start_utc
        ) as any_start_after_utc
    from doubtful_entries
),

compared_entries as (
    select
        *,
        min(case when code is null then value end) over ({{ rivals }}) as least_value,
        max(case when code is null then value end) over ({{ rivals }}) as greatest_value,
        min(
            case
                when response_lacks_area = 0 then start_after_utc
                when any_start_after_utc > period_start_utc then any_start_after_utc
            end
        ) over (partition by response_id, period_start_utc, has_clear_time, case when response_lacks_area = 0 then geo_id end) as next_start_utc
    from doubtful_instants
),

all_entries as (
    select
        {{ entry }},
        code,
        case when geo_id = geo_id_after then start_after_utc end as next_start_utc
    from sifted_entries
    where is_doubtful = 0
    union all
    select
        {{ entry }},
        case when code is null and least_value <> greatest_value then 'two_values' else code end as code,
        case when has_clear_time = 1 then next_start_utc end as next_start_utc
    from compared_entries
),

cut_entries as (
    select
        response_id,
        indicator_id,
        geo_id,
        cast(geo_name as {{ type_text(100) }}) as geo_name,
        cast(datetime_text as {{ type_text(64) }}) as datetime_text,
        cast({{ cut_text('value_text', 64) }} as {{ type_text(64) }}) as value_text,
        period_start_utc,
        next_start_utc,
        cast({{ seconds_past_hour('period_start_utc') }} as {{ type_seconds() }}) as seconds_past_hour,
        value,
        cast(code as {{ type_code(30) }}) as code
    from all_entries
)
{%- endcall %}
{% endmacro %}

{% macro stage_further_entries(table) %}
    {#- Post-hook: the responses after those that the model itself has staged, in the same transaction. -#}
    {%- if execute -%}
        {%- set statements = [] -%}
        {%- for batch in batches_of_responses(highest(table, 'response_id')) -%}
            {#- On Spark each is run before the next is put together, which writes its entries into the same table to build in. -#}
            {%- do statements.append(one_by_one([entries_of_responses(batch, table)]) | trim) -%}
        {%- endfor -%}
        {{ statements | select | join(';\n') }}
    {%- endif -%}
{% endmacro %}

{#- Responses in batches, a batch a row, because an engine holds what it opens of them in memory. Between the literals of two
    instants it finds a batch's payloads without opening the others. -#}

{% macro landed_batches(unstaged) %}
    {#- [literals of the first and last extraction] of the landed responses that a condition is true of. -#}
    {%- set query %}
        select
            {{ literal_of_instant('min(instants.extracted_at_utc)') }} as first_literal,
            {{ literal_of_instant('max(instants.extracted_at_utc)') }} as last_literal
        from (
            select
                landed.extracted_at_utc,
                floor(
                    (sum(count(*)) over (order by landed.extracted_at_utc rows unbounded preceding) - 1) / {{ responses_at_once() }}e0
                ) as batch
            from {{ source('raw_esios', 'indicator_responses') }} as landed
            where {{ unstaged }}
            group by landed.extracted_at_utc
        ) as instants
        group by instants.batch
        order by 1
    {%- endset -%}
    {{ return(asked_now(query, [literals_of_all_time()])) }}
{% endmacro %}

{% macro batches_of_responses(after) %}
    {#- [first and last response_id, literals of the first and last extraction] of the responses after a number. -#}
    {%- set number = 'floor((response_id - ' ~ after ~ ' - 1) / ' ~ responses_at_once() ~ 'e0)' -%}
    {%- set query %}
        select
            min(response_id) as first_id,
            max(response_id) as last_id,
            {{ literal_of_instant('min(extracted_at_utc)') }} as first_literal,
            {{ literal_of_instant('max(extracted_at_utc)') }} as last_literal
        from {{ ref('stg_esios__indicator_responses') }}
        where response_id > {{ after }}
        group by {{ number }}
        order by 1
    {%- endset -%}
    {{ return(asked_now(query, [[1, responses_at_once()] + literals_of_all_time()])) }}
{% endmacro %}

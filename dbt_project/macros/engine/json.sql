{#- Open a payload. -#}

{% macro readable_json(payload) %}{{ return(adapter.dispatch('readable_json')(payload)) }}{% endmacro %}
{#- The payload, or null where it is not JSON, so that one bad response cannot stop a build. -#}
{% macro duckdb__readable_json(payload) %}case when json_valid({{ payload }}) then {{ payload }} end{% endmacro %}
{% macro sqlserver__readable_json(payload) %}case when isjson({{ payload }}) = 1 then {{ payload }} end{% endmacro %}
{% macro spark__readable_json(payload) %}case when get_json_object({{ payload }}, '$') is not null then {{ payload }} end{% endmacro %}

{% macro json_texts(payload, paths) %}{{ return(adapter.dispatch('json_texts')(payload, paths)) }}{% endmacro %}
{#- A list of SQL expressions: the texts at some paths of a payload, null where it is not JSON. -#}
{% macro duckdb__json_texts(payload, paths) %}
    {#- Opened once for all of them: what an engine holds of two thousand opened payloads counts. json_value would leave the
        quotes on. -#}
    {%- set opened = "(try(json_extract_string(" ~ payload ~ ", ['" ~ paths | join("', '") ~ "'])))" -%}
    {%- set texts = [] -%}
    {%- for path in paths -%}{%- do texts.append(opened ~ '[' ~ loop.index ~ ']') -%}{%- endfor -%}
    {{ return(texts) }}
{% endmacro %}
{% macro sqlserver__json_texts(payload, paths) %}
    {#- json_value gives its argument's collation, here the payload's, which would clash with every other text. -#}
    {%- set texts = [] -%}
    {%- for path in paths -%}
        {%- do texts.append('json_value(' ~ readable_json(payload) ~ ", '" ~ path ~ "') collate database_default") -%}
    {%- endfor -%}
    {{ return(texts) }}
{% endmacro %}
{% macro spark__json_texts(payload, paths) %}
    {%- set texts = [] -%}
    {%- for path in paths -%}
        {%- do texts.append('get_json_object(' ~ readable_json(payload) ~ ", '" ~ path ~ "')") -%}
    {%- endfor -%}
    {{ return(texts) }}
{% endmacro %}

{% macro unreadable_payload() %}{{ return('{"indicator":{"values":[{}]}}') }}{% endmacro %}

{% macro responses_at_once() %}{{ return(var('responses_at_once') or adapter.dispatch('responses_at_once')()) }}{% endmacro %}
{#- An engine holds what it opens in memory, and a payload is some thousand times an entry: so many responses at once. -#}
{% macro duckdb__responses_at_once() %}{{ return(500) }}{% endmacro %}
{% macro sqlserver__responses_at_once() %}{{ return(500) }}{% endmacro %}
{% macro spark__responses_at_once() %}{{ return(500) }}{% endmacro %}

{#- What explode_values selects of an `entry`. -#}
{% macro entry_columns() %}
        response_id,
        indicator_id,
        {{ cut_text('entry.datetime', 64) }} as datetime_text,
        {{ cut_text('entry.value', 65) }} as value_text,
        {{ cut_text('entry.geo_id', 32) }} as geo_text,
        {{ cut_text('entry.geo_name', 100) }} as geo_name
{%- endmacro %}

{% macro explode_values(payloads) %}{{ return(adapter.dispatch('explode_values')(payloads)) }}{% endmacro %}
{#- One row an entry of $.indicator.values. In: response_id, indicator_id, payload. One that is not JSON has one empty entry.
    A value of more than 64 characters keeps one more, by which parse_number knows that it was cut. -#}
{% macro duckdb__explode_values(payloads) %}
    {%- set entry = '{"datetime": "VARCHAR", "value": "VARCHAR", "geo_id": "VARCHAR", "geo_name": "VARCHAR"}' -%}
    {%- set shape = "'{\"indicator\": {\"values\": [" ~ entry ~ "]}}'" %}
    select
        {{ entry_columns() }}
    from (
        select
            response_id,
            indicator_id,
            unnest(
                case
                    when document is null then from_json('{{ unreadable_payload() }}', {{ shape }}).indicator.values
                    else document.indicator.values
                end
            ) as entry
        from (
            select
                response_id,
                indicator_id,
                try(from_json(payload, {{ shape }})) as document
            from {{ payloads }}
        ) as read_payloads
    ) as opened
{% endmacro %}
{% macro sqlserver__explode_values(payloads) %}
    select
        {{ payloads }}.response_id,
        {{ payloads }}.indicator_id,
        entry.datetime_text collate database_default as datetime_text,
        entry.value_text collate database_default as value_text,
        entry.geo_text collate database_default as geo_text,
        entry.geo_name collate database_default as geo_name
    from {{ payloads }}
    cross apply openjson(
        coalesce({{ readable_json(payloads ~ '.payload') }}, '{{ unreadable_payload() }}'), '$.indicator.values'
    ) with (
        datetime_text nvarchar(64) '$.datetime',
        value_text nvarchar(65) '$.value',
        geo_text nvarchar(32) '$.geo_id',
        geo_name nvarchar(100) '$.geo_name'
    ) as entry
{% endmacro %}
{% macro spark__explode_values(payloads) %}
    {%- set entries = 'array<struct<datetime: string, value: string, geo_id: string, geo_name: string>>' %}
    select
        {{ entry_columns() }}
    from (
        select
            response_id,
            indicator_id,
            explode(
                coalesce(
                    {#- Each number becomes a text. Sail (0.7) reads some with another last digit (255.17000000000002), and of a
                        response with one beyond a double nothing; Spark would read that as Infinity. #}
                    from_json(
                        regexp_replace(
                            payload,
                            '("value"\\s*:\\s*)(-?[0-9]+(?:[.][0-9]+)?(?:[eE][-+]?[0-9]+)?)(\\s*[,}])',
                            '$1"$2"$3'
                        ),
                        'indicator struct<values: {{ entries }}>'
                    ).indicator.values,
                    {#- A list that is not read at all, for an entry of another shape, counts as one entry that cannot be read. #}
                    from_json(case when get_json_object(payload, '$.indicator.values') like '[%' then '[{}]' end, '{{ entries }}')
                )
            ) as entry
        from (
            select
                response_id,
                indicator_id,
                coalesce({{ readable_json('payload') }}, '{{ unreadable_payload() }}') as payload
            from {{ payloads }}
        ) as readable
    ) as opened
{% endmacro %}

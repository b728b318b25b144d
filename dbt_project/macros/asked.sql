{#- What a response was asked for, out of its URL. Version 1.0 did not keep it: the columns are added once, before the model
    is built, and filled from the landing. -#}

{% macro asked_columns() %}
    {{ return({
        'asked_areas': type_code(900),
        'asked_cadence': type_code(20)
    }) }}
{% endmacro %}

{% macro asked_for(column, url) %}
    {{ return(asked_areas(url) if column == 'asked_areas' else url_parameter(url, 'time_trunc')) }}
{% endmacro %}

{% macro add_asked_columns(table) %}
    {%- set landed = source('raw_esios', 'indicator_responses') -%}
    {%- set statements = [] -%}
    {%- if execute and load_relation(table) is not none -%}
        {%- set columns = adapter.get_columns_in_relation(table) | map(attribute='name') | map('lower') | list -%}
        {%- for column, type in asked_columns().items() if column not in columns -%}
            {%- set fill %}
                update {{ table }}
                set {{ column }} = (
                    select max(asked.{{ column }})
                    from (
                        select {{ asked_for(column, 'landed.source_url') }} as {{ column }}
                        from {{ landed }} as landed
                        where {{ same_answer(table.identifier, 'landed') }}
                    ) as asked
                )
            {%- endset -%}
            {%- do statements.extend([add_column(table, column, type), in_its_own_batch(fill)]) -%}
        {%- endfor -%}
        {{ one_by_one(statements) }}
    {%- endif -%}
{% endmacro %}

{#- Version 1.0 did not keep which areas a response was asked for. The column is added once, before the model is built, and
    filled from the landing. -#}

{% macro add_asked_areas(table) %}
    {%- set landed = source('raw_esios', 'indicator_responses') -%}
    {%- if execute and load_relation(table) is not none -%}
        {%- set columns = adapter.get_columns_in_relation(table) | map(attribute='name') | map('lower') | list -%}
        {%- if 'asked_areas' not in columns -%}
            {%- set fill %}
                update {{ table }}
                set asked_areas = (
                    select max(named.asked_areas)
                    from (
                        select {{ asked_areas('landed.source_url') }} as asked_areas
                        from {{ landed }} as landed
                        where {{ same_answer(table.identifier, 'landed') }}
                    ) as named
                )
            {%- endset -%}
            {{ add_column(table, 'asked_areas', type_code(400)) }};
            {{ in_its_own_batch(fill) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

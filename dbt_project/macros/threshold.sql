{% macro threshold(indicator, key, type) %}
    {#- Null: not judged, which is also what an entry without the key means. -#}
    {%- set limit = indicator.get(key) -%}
    cast({{ 'null' if limit is none else limit }} as {{ type }}) as {{ key }}
{%- endmacro %}

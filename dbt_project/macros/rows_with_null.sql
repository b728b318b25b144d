{% macro rows_with_null(columns) %}sum(case when {{ columns | join(' is null or ') }} is null then 1 else 0 end){% endmacro %}

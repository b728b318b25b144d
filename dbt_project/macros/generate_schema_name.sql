{#- A custom schema is taken as it is written: staging_esios, not main_staging_esios. -#}
{% macro generate_schema_name(custom_schema_name, node) %}
    {{- custom_schema_name | trim if custom_schema_name else target.schema -}}
{% endmacro %}

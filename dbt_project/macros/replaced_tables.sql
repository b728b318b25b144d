{% macro drop_table_of_before(name) %}
    {#- Pre-hook of the model that replaces it: a table that nothing fills any more would mislead its readers. -#}
    {%- set table = own_table(this.schema, name) -%}
    {{ 'drop table if exists ' ~ table if load_relation(table) is not none }}
{% endmacro %}

{#- What a table needs besides its columns. -#}

{% macro clustered_on(columns, unique=false) %}{{ return(adapter.dispatch('clustered_on')(columns, unique)) }}{% endmacro %}
{#- DuckDB skips by its own min-max statistics; an ART index would only slow the writing. -#}
{% macro duckdb__clustered_on(columns, unique) %}{{ return([]) }}{% endmacro %}
{% macro sqlserver__clustered_on(columns, unique) %}{{ return([{'columns': columns, 'type': 'clustered', 'unique': unique}]) }}{% endmacro %}

{% macro indexed_on(columns, included=[]) %}{{ return(adapter.dispatch('indexed_on')(columns, included)) }}{% endmacro %}
{% macro duckdb__indexed_on(columns, included) %}{{ return([]) }}{% endmacro %}
{% macro sqlserver__indexed_on(columns, included) %}{{ return([{'columns': columns, 'type': 'nonclustered', 'included_columns': included}]) }}{% endmacro %}

{% macro create_table_if_missing(relation, columns) %}{{ return(adapter.dispatch('create_table_if_missing')(relation, columns)) }}{% endmacro %}
{% macro duckdb__create_table_if_missing(relation, columns) %}
    create table if not exists {{ relation }} ({{ columns }})
{% endmacro %}
{% macro sqlserver__create_table_if_missing(relation, columns) %}
    if object_id('{{ relation }}', 'U') is null create table {{ relation }} ({{ columns }})
{% endmacro %}

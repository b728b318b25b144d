{#- What a table needs besides its columns. -#}

{% macro clustered_on(columns, unique=false) %}{{ return(adapter.dispatch('clustered_on')(columns, unique)) }}{% endmacro %}
{#- DuckDB skips by its own min-max statistics; an ART index would only slow the writing. -#}
{% macro duckdb__clustered_on(columns, unique) %}{{ return([]) }}{% endmacro %}
{% macro sqlserver__clustered_on(columns, unique) %}{{ return([{'columns': columns, 'type': 'clustered', 'unique': unique}]) }}{% endmacro %}

{% macro indexed_on(columns, included=[]) %}{{ return(adapter.dispatch('indexed_on')(columns, included)) }}{% endmacro %}
{% macro duckdb__indexed_on(columns, included) %}{{ return([]) }}{% endmacro %}
{% macro sqlserver__indexed_on(columns, included) %}{{ return([{'columns': columns, 'type': 'nonclustered', 'included_columns': included}]) }}{% endmacro %}

{% macro rows_in(table) %}{{ return(adapter.dispatch('rows_in')(table)) }}{% endmacro %}
{#- Scalar subquery: how many rows a table has, without reading them. -#}
{% macro duckdb__rows_in(table) %}(select count(*) from {{ table }}){% endmacro %}
{#- Kept up to date with every change since 2005 (see DBCC UPDATEUSAGE); to be seen by whoever may select from the table. -#}
{% macro sqlserver__rows_in(table) %}
    (
        select coalesce(sum(partitions.rows), 0)
        from sys.partitions as partitions
        where partitions.object_id = object_id('{{ table.include(database=false) }}')
            and partitions.index_id in (0, 1)
    )
{% endmacro %}

{% macro keep_in_order_of(table, columns) %}{{ return(adapter.dispatch('keep_in_order_of')(table, columns)) }}{% endmacro %}
{#- For a table that may have been there before dbt, with a clustered key of its own: the adapter's `indexes` would then
    stop the build, since a table has only one. So an index is made only where there is none. It is unique unless the
    rows already there forbid it; a data test names those. -#}
{% macro duckdb__keep_in_order_of(table, columns) %}{% endmacro %}
{% macro sqlserver__keep_in_order_of(table, columns) %}
    {%- set name = 'cx_' ~ table.identifier %}
    {%- set named = table.include(database=false) %}
    if not exists (select 1 from sys.indexes where object_id = object_id('{{ named }}') and type in (1, 5))
        begin
            if exists (select 1 from {{ named }} group by {{ columns | join(', ') }} having count(*) > 1)
                create clustered index {{ name }} on {{ named }} ({{ columns | join(', ') }})
            else
                create unique clustered index {{ name }} on {{ named }} ({{ columns | join(', ') }})
        end
{% endmacro %}

{% macro create_table_if_missing(relation, columns) %}{{ return(adapter.dispatch('create_table_if_missing')(relation, columns)) }}{% endmacro %}
{% macro duckdb__create_table_if_missing(relation, columns) %}
    create table if not exists {{ relation }} ({{ columns }})
{% endmacro %}
{% macro sqlserver__create_table_if_missing(relation, columns) %}
    if object_id('{{ relation }}', 'U') is null create table {{ relation }} ({{ columns }})
{% endmacro %}

{% macro add_column(table, column, type) %}{{ return(adapter.dispatch('add_column')(table, column, type)) }}{% endmacro %}
{% macro duckdb__add_column(table, column, type) %}alter table {{ table }} add column {{ column }} {{ type }}{% endmacro %}
{% macro sqlserver__add_column(table, column, type) %}alter table {{ table }} add {{ column }} {{ type }}{% endmacro %}

{% macro in_its_own_batch(statement) %}{{ return(adapter.dispatch('in_its_own_batch')(statement)) }}{% endmacro %}
{% macro duckdb__in_its_own_batch(statement) %}{{ statement }}{% endmacro %}
{#- A batch is compiled as a whole: it must not use a column that it adds. -#}
{% macro sqlserver__in_its_own_batch(statement) %}exec({{ sqlserver__text_literal(statement | replace("'", "''")) }}){% endmacro %}

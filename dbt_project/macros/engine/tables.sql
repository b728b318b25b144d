{#- What a table needs besides its columns. -#}

{% macro clustered_on(columns, unique=false) %}{{ return(adapter.dispatch('clustered_on')(columns, unique)) }}{% endmacro %}
{#- DuckDB skips by its own min-max statistics; an ART index would only slow the writing. -#}
{% macro duckdb__clustered_on(columns, unique) %}{{ return([]) }}{% endmacro %}
{% macro sqlserver__clustered_on(columns, unique) %}{{ return([{'columns': columns, 'type': 'clustered', 'unique': unique}]) }}{% endmacro %}
{% macro spark__clustered_on(columns, unique) %}{{ return([]) }}{% endmacro %}

{% macro indexed_on(columns, included=[]) %}{{ return(adapter.dispatch('indexed_on')(columns, included)) }}{% endmacro %}
{% macro duckdb__indexed_on(columns, included) %}{{ return([]) }}{% endmacro %}
{% macro sqlserver__indexed_on(columns, included) %}{{ return([{'columns': columns, 'type': 'nonclustered', 'included_columns': included}]) }}{% endmacro %}
{% macro spark__indexed_on(columns, included) %}{{ return([]) }}{% endmacro %}

{% macro rows_in(table) %}{{ return(adapter.dispatch('rows_in')(table)) }}{% endmacro %}
{#- Scalar subquery: how many rows a table has, without reading them. -#}
{% macro duckdb__rows_in(table) %}(select count(*) from {{ table }}){% endmacro %}
{#- SQL Server has renewed this count with every change since 2005 (see DBCC UPDATEUSAGE); all who may select from the table
    may read it. -#}
{% macro sqlserver__rows_in(table) %}
    (
        select coalesce(sum(partitions.rows), 0)
        from sys.partitions as partitions
        where partitions.object_id = object_id('{{ table.include(database=false) }}')
            and partitions.index_id in (0, 1)
    )
{% endmacro %}
{#- Out of the statistics of the files. -#}
{% macro spark__rows_in(table) %}(select count(*) from {{ table }}){% endmacro %}

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
{% macro spark__keep_in_order_of(table, columns) %}{% endmacro %}

{% macro create_table_if_missing(relation, columns) %}{{ return(adapter.dispatch('create_table_if_missing')(relation, columns)) }}{% endmacro %}
{% macro duckdb__create_table_if_missing(relation, columns) %}
    create table if not exists {{ relation }} ({{ columns }})
{% endmacro %}
{% macro sqlserver__create_table_if_missing(relation, columns) %}
    if object_id('{{ relation }}', 'U') is null create table {{ relation }} ({{ columns }})
{% endmacro %}
{% macro spark__create_table_if_missing(relation, columns) %}
    create table if not exists {{ relation }} ({{ columns }}) using {{ lake_format() }} {{ location_in_lake(relation) }}
{% endmacro %}

{% macro add_column(table, column, type) %}{{ return(adapter.dispatch('add_column')(table, column, type)) }}{% endmacro %}
{% macro duckdb__add_column(table, column, type) %}alter table {{ table }} add column {{ column }} {{ type }}{% endmacro %}
{% macro sqlserver__add_column(table, column, type) %}alter table {{ table }} add {{ column }} {{ type }}{% endmacro %}
{% macro spark__add_column(table, column, type) %}alter table {{ table }} add columns ({{ column }} {{ type }}){% endmacro %}

{% macro in_its_own_batch(statement) %}{{ return(adapter.dispatch('in_its_own_batch')(statement)) }}{% endmacro %}
{% macro duckdb__in_its_own_batch(statement) %}{{ statement }}{% endmacro %}
{#- A batch is compiled as a whole: it must not use a column that it adds. -#}
{% macro sqlserver__in_its_own_batch(statement) %}exec({{ sqlserver__text_literal(statement | replace("'", "''")) }}){% endmacro %}
{% macro spark__in_its_own_batch(statement) %}{{ statement }}{% endmacro %}

{% macro replacing_by_key() %}{{ return(adapter.dispatch('replacing_by_key')()) }}{% endmacro %}
{#- The incremental strategy that puts new rows in the place of all rows with their key, whole or not at all. -#}
{% macro duckdb__replacing_by_key() %}{{ return('delete+insert') }}{% endmacro %}
{% macro sqlserver__replacing_by_key() %}{{ return('delete+insert') }}{% endmacro %}
{#- No transaction holds two statements there, but one merge is one commit: see spark__get_merge_sql. -#}
{% macro spark__replacing_by_key() %}{{ return('merge') }}{% endmacro %}

{% macro step() %}{{ return(adapter.dispatch('step')()) }}{% endmacro %}
{#- The materialization of a step between models that people read as well. Of any other step a macro gives the CTEs: each
    relation costs a build some 50 ms, and dbt reads the whole SQL of each reader to put an ephemeral one into it. -#}
{% macro duckdb__step() %}{{ return('view') }}{% endmacro %}
{% macro sqlserver__step() %}{{ return('view') }}{% endmacro %}
{#- A part of the statement that uses it: a view is not kept from one session to the next, and a table of all values would
    be written again by each build. dbt's unit tests need relations: `steps_as: table`. -#}
{% macro spark__step() %}{{ return(var('steps_as') or 'ephemeral') }}{% endmacro %}

{% macro views_are_written() %}{{ return(adapter.dispatch('views_are_written')()) }}{% endmacro %}
{#- Whether a build writes the rows of what is a view elsewhere: then all of them are asked for, not those of a period. -#}
{% macro duckdb__views_are_written() %}{{ return(false) }}{% endmacro %}
{% macro sqlserver__views_are_written() %}{{ return(false) }}{% endmacro %}
{% macro spark__views_are_written() %}{{ return(true) }}{% endmacro %}

{% macro one_by_one(statements) %}{{ return(adapter.dispatch('one_by_one')(statements)) }}{% endmacro %}
{#- Several statements of one hook, one after the other. -#}
{% macro duckdb__one_by_one(statements) %}{{ statements | join(';\n') }}{% endmacro %}
{% macro sqlserver__one_by_one(statements) %}{{ statements | join(';\n') }}{% endmacro %}
{#- Each is a call, and a commit, of its own. -#}
{% macro spark__one_by_one(statements) %}
    {%- for each in statements -%}{%- call statement() -%}{{ each }}{%- endcall -%}{%- endfor -%}
{% endmacro %}

{% macro insert_of_rows(table, columns, ctes, rows) %}{{ return(adapter.dispatch('insert_of_rows')(table, columns, ctes, rows)) }}{% endmacro %}
{#- Insert the rows of the last of some CTEs. Standard SQL has the CTEs behind the insert, T-SQL before it. -#}
{% macro duckdb__insert_of_rows(table, columns, ctes, rows) %}
insert into {{ table }} ({{ columns }})
{{ ctes }}
select {{ columns }}
from {{ rows }}
{% endmacro %}
{% macro sqlserver__insert_of_rows(table, columns, ctes, rows) %}
{{ ctes }}
insert into {{ table }} ({{ columns }})
select {{ columns }}
from {{ rows }}
{% endmacro %}
{% macro spark__insert_of_rows(table, columns, ctes, rows) %}
    {%- set query = with_tables_once(table, ctes) ~ ' select ' ~ columns ~ ' from ' ~ rows -%}
insert into {{ table }} ({{ columns }})
{{ for_workers(query, columns.split(', ')) }}
{% endmacro %}

{% macro stays_small(relation) %}{{ return(adapter.dispatch('stays_small')(relation)) }}{% endmacro %}
{#- A hint behind `select` of the smaller side of a join with payloads: that side is sent to where the payloads lie. -#}
{% macro duckdb__stays_small(relation) %}{% endmacro %}
{% macro sqlserver__stays_small(relation) %}{% endmacro %}
{% macro spark__stays_small(relation) %}/*+ broadcast({{ relation }}) */{% endmacro %}

{% macro in_parts_by_month(instant) %}{{ return(adapter.dispatch('in_parts_by_month')(instant)) }}{% endmacro %}
{#- The partitions of a table of all values: what is new touches the newest months, and a merge reads and writes again the files
    that it touches. The other engines find a row by their index or by the blocks' own statistics. -#}
{% macro duckdb__in_parts_by_month(instant) %}{{ return(none) }}{% endmacro %}
{% macro sqlserver__in_parts_by_month(instant) %}{{ return(none) }}{% endmacro %}
{#- Only Iceberg makes a month out of an instant; Delta would need a column more, and asks for none below a terabyte. -#}
{% macro spark__in_parts_by_month(instant) %}{{ return(['months(' ~ instant ~ ')'] if lake_format() == 'iceberg' else none) }}{% endmacro %}

{#- Write a large table by slices of time (or of indicators), and once what is asked for again. Sail (0.7) holds what it orders and joins in memory, DuckDB
    the values of which it takes medians; and a file that spans little time is found, and passed over, by its statistics when a
    later build replaces the newest days. -#}

{% macro in_slice(column, type, margin=0) %}{{ return(adapter.dispatch('in_slice')(column, type, margin)) }}{% endmacro %}
{#- The condition that a day or an instant lies in the slice to write, or within so many days of it. -#}
{% macro duckdb__in_slice(column, type, margin) %}{{ return(in_all_time(column, type, margin)) }}{% endmacro %}
{% macro sqlserver__in_slice(column, type, margin) %}1 = 1{% endmacro %}
{% macro spark__in_slice(column, type, margin) %}{{ return(in_all_time(column, type, margin)) }}{% endmacro %}

{% macro in_all_time(column, type, margin) %}
    {#- The condition as it stands, which query_of_slice makes one of a slice. -#}
    {%- set first, until = literals_of_slice('day') -%}
    {%- if margin -%}{%- set first, until = add_days(first, -margin), add_days(until, margin) -%}{%- endif -%}
    {{ return(column ~ ' >= cast(' ~ first ~ ' as ' ~ type ~ ') and ' ~ column ~ ' < cast(' ~ until ~ ' as ' ~ type ~ ')') }}
{% endmacro %}

{% macro in_slice_of_indicators(column) %}{{ return(adapter.dispatch('in_slice_of_indicators')(column)) }}{% endmacro %}
{#- The same of an indicator's id, in a model whose meta has `slices_of: indicator_id`. -#}
{% macro duckdb__in_slice_of_indicators(column) %}1 = 1{% endmacro %}
{% macro sqlserver__in_slice_of_indicators(column) %}1 = 1{% endmacro %}
{% macro spark__in_slice_of_indicators(column) %}
    {%- set first, until = literals_of_slice('indicator_id') -%}
    {{ return(column ~ ' >= ' ~ first ~ ' and ' ~ column ~ ' < ' ~ until) }}
{% endmacro %}

{% macro literals_of_slice(kind) %}
    {#- The first day of the slice that is all time, and the day after its last: parse_instant reads the years 1000 to 2999. The same
        of ids. -#}
    {{ return(["date '0900-01-01'", "date '9000-01-01'"] if kind == 'day' else ['-2147483648', '2147483647']) }}
{% endmacro %}

{% macro rows_in_a_slice() %}{{ return(var('rows_in_a_slice') or adapter.dispatch('rows_in_a_slice')()) }}{% endmacro %}
{#- About how many rows of a large table are written at once: fewer need less memory and more statements. -#}
{% macro duckdb__rows_in_a_slice() %}{{ return(10000000) }}{% endmacro %}
{#- It writes each table at once. -#}
{% macro sqlserver__rows_in_a_slice() %}{{ return(none) }}{% endmacro %}
{% macro spark__rows_in_a_slice() %}{{ return(2000000) }}{% endmacro %}

{% macro slices(of_increment=false) %}
    {#- [first day, day after the last], as literals, of the slices of the table that the model at hand writes whole: by its meta
        `slices`, or `kept` (see table_in_place_of_view). Of an increment where the meta names a `counter`, by the rows with a
        higher number than its own. Fewer than two: at once. -#}
    {%- set meta = config.get('meta', {}) -%}
    {%- set sliced = meta.get('slices') or meta.get('kept') -%}
    {%- if not sliced or (of_increment and not sliced.counter) -%}{{ return([]) }}{%- endif -%}
    {%- set kind = sliced.get('slices_of', 'day') -%}
    {%- set time = sliced.get('time', 'period_start_utc') -%}
    {%- set part = day_of(time) if kind == 'day' else kind -%}
    {#- A slice of indicators reads the table whole: fewer of them. -#}
    {%- set most = rows_in_a_slice() | int * (1 if kind == 'day' else 4) -%}
    {%- set query -%}
        select
            {{ part }} as first_there,
            count(*) as rows_there
        from {{ ref(sliced.rows_of) }}
        where {{ part }} is not null
        {% if of_increment %}
            and {{ sliced.counter }} > {{ highest(this, sliced.counter) }}
        {% endif %}
        group by {{ part }}
        order by 1
    {%- endset -%}
    {%- set first, until = literals_of_slice(kind) -%}
    {%- set cut = namespace(slices=[], first=first, rows=0) -%}
    {%- for first_there, rows in run_query(query).rows -%}
        {%- if cut.rows and cut.rows + rows | int > most -%}
            {%- set literal = "date '" ~ first_there ~ "'" if kind == 'day' else first_there | int -%}
            {%- do cut.slices.append([cut.first, literal]) -%}
            {%- set cut.first, cut.rows = literal, 0 -%}
        {%- endif -%}
        {%- set cut.rows = cut.rows + rows | int -%}
    {%- endfor -%}
    {{ return(cut.slices + [[cut.first, until]]) }}
{% endmacro %}

{% macro duckdb__create_table_as(temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none) %}
    {#- dbt's own, and by slices where there are more than one: the first makes the table, the others are inserted. All in the
        transaction that dbt has begun, so that a build that is killed leaves nothing. An increment is a temporary table first. -#}
    {%- set slices = slices(of_increment=temporary) if language == 'sql' else [] -%}
    {%- set queries = [] -%}
    {%- for first, until in slices -%}{%- do queries.append(query_of_slice(compiled_code, first, until)) -%}{%- endfor -%}
    {{ dbt.duckdb__create_table_as(temporary, relation, queries[0] if queries else compiled_code, language, partitioned_by, sorted_by) }}
    {%- for query in queries[1:] %}
    insert into {{ relation }} by name (
        {{ query }}
    );
    {%- endfor %}
{% endmacro %}

{% macro spark__create_table_as(temporary, relation, compiled_code, language='sql') %}
    {#- dbt's own, and by slices where there are more than one: into a table to build in, and from there at once, so that a build that
        is killed leaves nothing. -#}
    {%- set slices = [] if temporary or language != 'sql' else slices() -%}
    {%- if slices | length > 1 -%}
        {%- set query = rows_in_slices(relation, compiled_code, slices) -%}
    {%- else -%}
        {%- set query = with_tables_once(relation, compiled_code) -%}
    {%- endif -%}
    {{ return(dbt.spark__create_table_as(temporary, relation, for_workers(query), language)) }}
{% endmacro %}

{% macro rows_in_slices(relation, query, slices) %}
    {#- Write the rows of a query slice by slice into a table to build in; a query of all that is there then. -#}
    {%- set written = table_to_build_in(relation) -%}
    {%- set kept = config.get('meta', {}).get('kept') -%}
    {%- set of_slice -%}
        {%- if kept and not kept.slices_of -%}
        select rows_of_model.* from ({{ query }}) as rows_of_model where {{ in_slice('rows_of_model.period_start_utc', type_instant()) }}
        {%- else -%}
        {{ query }}
        {%- endif -%}
    {%- endset -%}
    {%- for first, until in slices -%}
        {%- set rows = with_tables_once(relation, query_of_slice(of_slice, first, until)) -%}
        {%- if loop.first -%}
            {%- do write_table_of_rows(written, rows) -%}
        {%- else -%}
            {%- call statement() -%}insert into {{ written }} {{ for_workers(rows) }}{%- endcall -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return('select * from ' ~ written) }}
{% endmacro %}

{% macro query_of_slice(query, first, until) %}
    {#- A query with in_slice in it, of the days (or ids) from `first` to the one before `until`. -#}
    {%- set all = literals_of_slice('day' if "date '" in first | string else 'indicator_id') -%}
    {{ return(query | replace(all[0], first | string) | replace(all[1], until | string)) }}
{% endmacro %}

{% macro written_once(name) %}{{ return(adapter.dispatch('written_once')(name)) }}{% endmacro %}
{#- Behind a CTE that is asked for several times: write it once. What comes behind it names no CTE before it. -#}
{% macro duckdb__written_once(name) %}{% endmacro %}
{% macro sqlserver__written_once(name) %}{% endmacro %}
{#- Neither Sail nor Spark keeps the rows of a CTE: each use reads and computes again. See with_tables_once. -#}
{% macro spark__written_once(name) %}/* written once: {{ name }} */{% endmacro %}

{% macro written_by_response(name) %}{{ return(adapter.dispatch('written_by_response')(name)) }}{% endmacro %}
{#- Behind a CTE each row of which is of one response (response_id) and depends on nothing but that and the registry. -#}
{% macro duckdb__written_by_response(name) %}{% endmacro %}
{% macro sqlserver__written_by_response(name) %}{% endmacro %}
{#- A view is a table there: of a CTE of all entries only those of new responses are to be looked at again. -#}
{% macro spark__written_by_response(name) %}
    {#- Named here, for dbt to know of it before it asks how far it has come. -#}
    {%- do ref('stg_esios__response_entries') -%}
    /* written once: {{ name }} by response */
{% endmacro %}

{% macro with_tables_once(relation, query) %}
    {#- Write the CTEs of a query that are to be written once into tables to build in; the query that reads those. A unit test
        puts the query into brackets: it stays as it is. -#}
    {%- if model.resource_type != 'model' -%}{{ return(query) }}{%- endif -%}
    {%- set rest = namespace(query=query) -%}
    {%- for part in query.split('/* written once: ')[1:] -%}
        {%- set marked = part.split(' */')[0] -%}
        {%- set name = marked.split(' ')[0] -%}
        {%- set until_it, behind_it = rest.query.split('/* written once: ' ~ marked ~ ' */') -%}
        {%- set written = table_to_build_in(relation.incorporate(path={'identifier': relation.identifier | replace('__dbt_tmp', '') ~ '__' ~ name})) -%}
        {%- set rows = until_it ~ ' select * from ' ~ name -%}
        {%- if marked.endswith(' by response') -%}
            {%- do write_rows_of_new_responses(written, rows) -%}
        {%- else -%}
            {%- do write_table_of_rows(written, rows) -%}
        {%- endif -%}
        {%- set rest.query = 'with ' ~ name ~ ' as (select * from ' ~ written ~ ')' ~ behind_it -%}
    {%- endfor -%}
    {{ return(rest.query) }}
{% endmacro %}

{% macro table_to_build_in(relation) %}
    {#- A table beside the one that a build writes; its rows stay until the next build. -#}
    {%- set written = own_table('building_esios', relation.identifier) -%}
    {%- call statement() -%}{{ create_schema_if_missing(written.schema) }}{%- endcall -%}
    {{ return(written) }}
{% endmacro %}

{% macro write_table_of_rows(relation, query) %}
    {#- Make or replace a table with the rows of a query. -#}
    {%- if lake_format() == 'iceberg' -%}
        {#- A Hive metastore refuses other columns in the places of a table's, and Iceberg keeps the files that it replaces. -#}
        {%- call statement() -%}drop table if exists {{ relation }} purge{%- endcall -%}
    {%- endif -%}
    {%- call statement() -%}
        create or replace table {{ relation }} using {{ lake_format() }}
        {#- Sail (0.7) keeps the columns of the table that it replaces, unless an option says otherwise. #}
        {{ "options (overwriteSchema 'true')" if lake_format() == 'delta' }} {{ location_in_lake(relation) }} as
        {{ for_workers(query) }}
    {%- endcall -%}
{% endmacro %}

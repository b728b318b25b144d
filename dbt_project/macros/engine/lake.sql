{#- What only Spark needs: tables at fixed places of a lake, without views and without transactions. -#}

{% macro lake_format() %}{{ return(env_var('ESIOS_SPARK_FORMAT', 'delta')) }}{% endmacro %}

{% macro location_in_lake(relation) %}
    {#- Where a table that no model builds lies; the models' own is +location_root. -#}
    {%- if env_var('ESIOS_LAKE', '') -%}
        location '{{ env_var('ESIOS_LAKE') }}/{{ relation.schema }}/{{ relation.identifier }}'
    {%- endif -%}
{% endmacro %}

{% macro name_landed_tables() %}
    {#- Operation: name the landing to a catalogue that keeps names, a service's or a metastore's. -#}
    {%- for source in graph.sources.values() if source.schema == 'raw_esios' -%}
        {%- set table = own_table(source.schema, source.identifier) -%}
        {%- do run_query('create schema if not exists ' ~ source.schema) -%}
        {%- do run_query('create table if not exists ' ~ table ~ ' using delta ' ~ location_in_lake(table)) -%}
        {%- do log(table ~ ' is at ' ~ env_var('ESIOS_LAKE') ~ '/' ~ table.schema ~ '/' ~ table.identifier, info=true) -%}
    {%- endfor -%}
{% endmacro %}

{% materialization view, adapter='spark', supported_languages=['sql'] %}
    {#- A table, not a view: a view that is named several times would be planned and read as often, a session's catalogue
        may forget it, and Iceberg's catalogue keeps the old text of a replaced one. -#}
    {{ return(table_in_place_of_view(materialization_table_spark)) }}
{% endmaterialization %}

{#- dbt-databricks has a materialization and a merge of its own before it asks Spark's. -#}
{% materialization view, adapter='databricks', supported_languages=['sql'] %}
    {{ return(table_in_place_of_view(materialization_table_databricks)) }}
{% endmaterialization %}

{% macro databricks__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}
    {{ return(spark__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates)) }}
{% endmacro %}

{% macro spark__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}
    {#- Whole rows by their key, in one commit: every old row with the key of a new one goes, every new row comes. A key may have
        many rows, and is never null. -#}
    {%- set columns = adapter.get_columns_in_relation(target) -%}
    {%- set names = columns | map(attribute='name') | list -%}
    {%- set key = [unique_key] if unique_key is string else unique_key -%}
    {%- set written = rows_to_merge(target, source, names) -%}
    {%- set bounds = bounds_of(written, columns | selectattr('name', 'in', key) | list) -%}
    {%- set old_keys -%}
        select count(*) as old_keys
        from (select distinct {{ key | join(', ') }} from {{ written }}) as new_rows
        inner join {{ target }} as old_rows
            on {{ same('new_rows', 'old_rows', key) }} and old_rows.{{ bounds | join(' and old_rows.') }}
    {%- endset -%}
    {%- if not bounds or run_query(old_keys).rows[0][0] | int == 0 %}
    {#- As on a usual day: an insert is one commit as well, and reads none of the old rows' other columns. #}
    insert into {{ target }} ({{ names | join(', ') }})
    select {{ names | join(', ') }}
    from {{ written }}
    {%- elif lake_format() == 'delta' %}
    {{ replacement_within(target, written, names, key, bounds) }}
    {%- else %}
    {{ merge_by_key(target, written, names, key, bounds) }}
    {%- endif %}
{% endmacro %}

{% macro replacement_within(target, written, names, key, bounds) %}
    {#- The rows within the bounds of the new keys, again: the new ones, and of the old ones those with another key. What lies
        outside is not read, where the statistics of its files say so. Sail (0.7) reads all of a table that it merges into. -#}
    insert into {{ target }}
    replace where {{ bounds | join(' and ') }}
    select {{ names | join(', ') }}
    from {{ written }}
    union all
    select old_rows.{{ names | join(', old_rows.') }}
    from {{ target }} as old_rows
    left join (select distinct {{ key | join(', ') }} from {{ written }}) as new_keys
        on {{ same('old_rows', 'new_keys', key) }}
    where old_rows.{{ bounds | join(' and old_rows.') }}
        and new_keys.{{ key | first }} is null
{% endmacro %}

{% macro merge_by_key(target, written, names, key, bounds) %}
    {#- For Iceberg, which replaces only whole files by a condition. Of the new rows one pass is enough: each is said once as itself
        and the first of a key once more, to delete by. -#}
    merge into {{ target }} as old_rows
    using (
        select
            fresh_rows.*,
            explode(case when is_first_of_key = 1 then array(1, 0) else array(0) end) as is_to_delete
        from (
            select
                {{ names | join(', ') }},
                row_number() over (partition by {{ key | join(', ') }} order by {{ key | first }}) as is_first_of_key
            from {{ written }}
        ) as fresh_rows
    ) as new_rows
    on new_rows.is_to_delete = 1
        and {{ same('old_rows', 'new_rows', key) }}
        and old_rows.{{ bounds | join(' and old_rows.') }}

    when matched then delete
    when not matched and new_rows.is_to_delete = 0 then insert ({{ names | join(', ') }})
        values ({% for name in names %}new_rows.{{ name }}{{ ', ' if not loop.last }}{% endfor %})
{% endmacro %}

{% macro rows_to_merge(target, source, names) %}
    {#- The rows of `source` as a table: a merge asks for them two or three times, and plans a long query worse than the query
        alone (Sail, 876,960 rows of old ones: 3 s against 0.6 s with this table). They stay there until the next build. -#}
    {%- set written = table_to_build_in(target) -%}
    {%- do write_table_of_rows(written, 'select ' ~ names | join(', ') ~ ' from ' ~ source) -%}
    {{ return(written) }}
{% endmacro %}

{% macro bounds_of(written, columns) %}
    {#- A list of conditions, from the first to the last value of each key column: what an engine knows of its files then excludes
        most of the old rows. Empty where there is no new row. -#}
    {%- set forms = {'date': 'yyyy-MM-dd', 'timestamp': 'yyyy-MM-dd HH:mm:ss.SSSSSS'} -%}
    {%- set bounds = [] -%}
    {%- for column in columns -%}
        {%- if column.dtype not in ['smallint', 'int', 'bigint'] + forms | list -%}
            {%- do exceptions.raise_compiler_error(column.name ~ ' is of type ' ~ column.dtype ~ ': a key is of whole numbers, days and instants') -%}
        {%- endif -%}
        {%- for bound in ['min', 'max'] -%}
            {%- set value = bound ~ '(' ~ column.name ~ ')' -%}
            {%- do bounds.append('date_format(' ~ value ~ ", '" ~ forms[column.dtype] ~ "')" if column.dtype in forms else value) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set found = run_query('select ' ~ bounds | join(', ') ~ ' from ' ~ written).rows[0] -%}
    {%- set conditions = [] -%}
    {%- for column in columns if found[0] is not none -%}
        {%- set literals = [] -%}
        {%- for value in found[2 * loop.index0:2 * loop.index0 + 2] -%}
            {%- do literals.append(column.dtype ~ " '" ~ value ~ "'" if column.dtype in forms else value | int) -%}
        {%- endfor -%}
        {%- do conditions.append(column.name ~ ' between ' ~ literals | join(' and ')) -%}
    {%- endfor -%}
    {{ return(conditions) }}
{% endmacro %}

{% macro spark__get_empty_schema_sql(columns) %}
    {#- A contract is written once, in types that both other engines know: Spark has neither nvarchar nor double precision. -#}
    {%- set types = {'double precision': 'double'} -%}
    select
    {%- for name, column in columns.items() %}
        cast(null as {{ 'string' if column.data_type.startswith('nvarchar') else types.get(column.data_type, column.data_type) }}) as {{ column.name }}{{ ',' if not loop.last }}
    {%- endfor %}
{% endmacro %}

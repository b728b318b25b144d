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
    {{ return(materialization_table_spark()) }}
{% endmaterialization %}

{#- dbt-databricks has a materialization and a merge of its own before it asks Spark's. -#}
{% materialization view, adapter='databricks', supported_languages=['sql'] %}
    {{ return(materialization_table_databricks()) }}
{% endmaterialization %}

{% macro databricks__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}
    {{ return(spark__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates)) }}
{% endmacro %}

{% macro spark__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}
    {#- Whole rows by their key, in one commit: every old row with the key of a new one goes, every new row comes. A key may have
        many rows, and of the new rows' query one pass is enough: each is said once as itself and the first of a key once
        more, to delete by. -#}
    {%- set columns = adapter.get_columns_in_relation(target) | map(attribute='name') | list -%}
    {%- set key = [unique_key] if unique_key is string else unique_key %}
    merge into {{ target }} as old_rows
    using (
        select
            fresh_rows.*,
            explode(case when is_first_of_key = 1 then array(1, 0) else array(0) end) as is_to_delete
        from (
            select
                {{ columns | join(', ') }},
                row_number() over (partition by {{ key | join(', ') }} order by {{ key | first }}) as is_first_of_key
            from {{ source }}
        ) as fresh_rows
    ) as new_rows
    on new_rows.is_to_delete = 1
        {% for column in key %}and old_rows.{{ column }} = new_rows.{{ column }} {% endfor %}

    when matched then delete
    when not matched and new_rows.is_to_delete = 0 then insert ({{ columns | join(', ') }})
        values ({% for column in columns %}new_rows.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
{% endmacro %}

{% macro spark__get_empty_schema_sql(columns) %}
    {#- A contract is written once, in types that both other engines know: Spark has neither nvarchar nor double precision. -#}
    {%- set types = {'double precision': 'double'} -%}
    select
    {%- for name, column in columns.items() %}
        cast(null as {{ 'string' if column.data_type.startswith('nvarchar') else types.get(column.data_type, column.data_type) }}) as {{ column.name }}{{ ',' if not loop.last }}
    {%- endfor %}
{% endmacro %}

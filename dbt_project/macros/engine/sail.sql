{#- What only Sail (0.7) needs, and only as a cluster (SAIL_MODE). -#}

{% macro for_workers(query, names=none) %}
    {#- The query of rows to write, with the columns `names`, and of no row besides. A table's commit is a task of Sail's driver, with
        all that no exchange parts from it, and the driver knows no function: a query of one part alone stops there ("no UDF
        found for sum"). How many parts one has, the number of its files and of their rows says; a union has more than one, so
        that the workers make the rows, and hand the driver the names of their files. -#}
    {%- if env_var('SAIL_MODE', 'local') == 'local' -%}{{ return(query) }}{%- endif -%}
    {%- set columns = names or run_query('select * from (\n' ~ query ~ '\n) as rows_to_write limit 0').column_names -%}
    {%- set nulls = [] -%}
    {%- for column in columns -%}{%- do nulls.append('null') -%}{%- endfor -%}
    select *
    from (
        {{ query }}
    ) as rows_to_write
    union all
    select {{ nulls | join(', ') }}
    from range(0, 0)
{% endmacro %}

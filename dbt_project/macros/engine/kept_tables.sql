{#- What only Spark needs: tables of what is a view elsewhere, written by the periods that are new. -#}

{% macro table_in_place_of_view(write_whole) %}
    {#- The table of a model that is a view elsewhere: written whole, or, where the model's meta says by `kept` how its rows
        follow from another table's, only the periods of the rows that this has got since. What every row depends on besides (the
        model's text, registrations, labels) is compared with what it was: another one, and all is written again. -#}
    {%- set kept = config.get('meta', {}).get('kept') -%}
    {%- if not kept -%}{{ return(write_whole()) }}{%- endif -%}
    {%- set source = {'table': ref(kept.rows_of), 'counter': kept.counter} -%}
    {%- set newest = highest(source.table, source.counter) -%}
    {%- set state = local_md5(sql ~ tojson(registrations(), sort_keys=true) ~ labels_of(kept)) -%}
    {%- set written = rows_written(this, state) -%}
    {%- if should_full_refresh() or written is none or load_relation(this) is none -%}
        {%- set result = write_whole() -%}
    {%- else -%}
        {{ run_hooks(pre_hooks) }}
        {%- call statement('main') -%}{{ merge_of_new_periods(source, written) }}{%- endcall -%}
        {{ run_hooks(post_hooks) }}
        {%- set result = {'relations': [this.incorporate(type='table')]} -%}
    {%- endif -%}
    {#- Rows first: a run that dies before this line writes them again. -#}
    {%- do write_rows_written(this, newest, state) -%}
    {{ return(result) }}
{% endmacro %}

{% macro merge_of_new_periods(source, written) %}
    {#- Replace the rows of the periods that rows of `source` with a higher number than `written` span. -#}
    {%- set query -%}
        select
            indicator_id,
            {{ literal_of_instant('min(period_start_utc)') }} as first_literal,
            {{ literal_of_instant('max(period_start_utc)') }} as last_literal
        from {{ source.table }}
        where {{ source.counter }} > {{ written }}
            and period_start_utc is not null
        group by indicator_id
    {%- endset -%}
    {%- set indicators_of = {} -%}
    {%- for indicator, first, last in run_query(query).rows -%}
        {%- do indicators_of.setdefault((first, last), []).append(indicator | int) -%}
    {%- endfor -%}
    {%- set conditions = [] -%}
    {%- for (first, last), indicators in indicators_of.items() -%}
        {%- do conditions.append(
            '(rows_of_model.period_start_utc between ' ~ first ~ ' and ' ~ last ~ ' and rows_of_model.indicator_id in ('
            ~ indicators | join(', ') ~ '))'
        ) -%}
    {%- endfor -%}
    {%- set days = [] -%}
    {%- for bounds in indicators_of -%}
        {%- for bound in bounds -%}{%- do days.append("date '" ~ bound.split("'")[1][:10] ~ "'") -%}{%- endfor -%}
    {%- endfor -%}
    {%- set rows = query_of_slice(sql, days | min, add_days(days | max, 1)) if days else sql -%}
    {%- set new_rows -%}
        (
            select rows_of_model.*
            from ({{ rows }}) as rows_of_model
            where {{ conditions | join(' or ') or '1 = 0' }}
        )
    {%- endset -%}
    {{ spark__get_merge_sql(this, new_rows, ['indicator_id', 'geo_id', 'period_start_utc'], none, none) }}
{% endmacro %}

{% macro labels_of(kept) %}
    {#- The rows of the small tables whose columns come into every row. -#}
    {%- set rows = [] -%}
    {%- for table, columns in kept.get('labels', {}) | dictsort -%}
        {%- do rows.extend(run_query('select distinct ' ~ columns ~ ' from ' ~ ref(table) ~ ' order by ' ~ columns).rows) -%}
    {%- endfor -%}
    {%- set texts = [] -%}
    {%- for row in rows -%}{%- do texts.append(row.values() | string) -%}{%- endfor -%}
    {{ return(texts | join('\n')) }}
{% endmacro %}

{% macro kept_log() %}{{ return(own_table('staging_esios', 'tables_kept')) }}{% endmacro %}

{% macro rows_written(table, state) %}
    {#- Up to which number the rows of a table have been written in this state; none: in no such state, or not at all. -#}
    {%- if load_relation(kept_log()) is none -%}{{ return(none) }}{%- endif -%}
    {%- set query = 'select written from ' ~ kept_log() ~ " where name = '" ~ table.identifier ~ "' and state = '" ~ state ~ "'" -%}
    {%- for row in run_query(query).rows -%}{{ return(row[0] | int) }}{%- endfor -%}
    {{ return(none) }}
{% endmacro %}

{% macro write_rows_written(table, newest, state) %}
    {%- set columns = 'name ' ~ type_code(100) ~ ' not null, state ' ~ type_code(32) ~ ' not null, written ' ~ type_counter() ~ ' not null' -%}
    {{ one_by_one([
        create_table_if_missing(kept_log(), columns),
        'delete from ' ~ kept_log() ~ " where name = '" ~ table.identifier ~ "'",
        'insert into ' ~ kept_log() ~ " (name, state, written) values ('" ~ table.identifier ~ "', '" ~ state ~ "', " ~ newest ~ ')'
    ]) }}
{% endmacro %}

{% macro write_rows_of_new_responses(table, rows) %}
    {#- Add to a table the rows of a query that are of responses it has not got yet; all, where the query or a registration has
        changed since. -#}
    {%- set newest = highest(ref('stg_esios__response_entries'), 'response_id') -%}
    {%- set state = local_md5(rows ~ tojson(registrations(), sort_keys=true)) -%}
    {%- set written = rows_written(table, state) -%}
    {%- if should_full_refresh() or written is none or load_relation(table) is none -%}
        {%- do write_table_of_rows(table, rows) -%}
    {%- elif newest > written -%}
        {#- Rows first: what a run that died before the last line has written comes again. -#}
        {%- set further = ' where response_id > ' ~ written -%}
        {%- if highest(table, 'response_id') > written -%}
            {%- call statement() -%}delete from {{ table ~ further }}{%- endcall -%}
        {%- endif -%}
        {%- call statement() -%}insert into {{ table }} {{ for_workers(rows ~ further) }}{%- endcall -%}
    {%- endif -%}
    {%- do write_rows_written(table, newest, state) -%}
{% endmacro %}

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
        {%- call statement('main') -%}{{ merge_of_new_periods(kept, source, written) }}{%- endcall -%}
        {{ run_hooks(post_hooks) }}
        {%- set result = {'relations': [this.incorporate(type='table')]} -%}
    {%- endif -%}
    {#- Rows first: a run that dies before this line writes them again. -#}
    {%- do write_rows_written(this, newest, state) -%}
    {{ return(result) }}
{% endmacro %}

{% macro merge_of_new_periods(kept, source, written) %}
    {#- Replace the rows that depend on the periods which rows of `source` with a higher number than `written` span: those of the
        same instants; or, where `kept` has a day of its own as `time`, of the days from the first period to `reach_days` after the
        last one. -#}
    {%- set time = kept.get('time', 'period_start_utc') -%}
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
    {%- set days = [] -%}
    {%- for indicator, first, last in run_query(query).rows -%}
        {%- set first_day, last_day = "date '" ~ first.split("'")[1][:10] ~ "'", "date '" ~ last.split("'")[1][:10] ~ "'" -%}
        {%- if 'reach_days' in kept -%}
            {#- Madrid's day is the day in UTC or the one after it. -#}
            {%- set first, last = first_day, add_days(last_day, kept.reach_days + 1) -%}
        {%- endif -%}
        {%- do indicators_of.setdefault((first, last), []).append(indicator | int) -%}
        {%- do days.extend([first_day, last_day]) -%}
    {%- endfor -%}
    {%- set conditions = [] -%}
    {%- for (first, last), indicators in indicators_of.items() -%}
        {%- do conditions.append(
            '(rows_of_model.' ~ time ~ ' between ' ~ first ~ ' and ' ~ last ~ ' and rows_of_model.indicator_id in ('
            ~ indicators | join(', ') ~ '))'
        ) -%}
    {%- endfor -%}
    {%- set until = add_days(days | max, kept.get('reach_days', -1) + 2) if days -%}
    {%- set rows = with_tables_once(this, query_of_slice(sql, days | min, until)) if days else sql -%}
    {%- set new_rows -%}
        (
            select rows_of_model.*
            from ({{ rows }}) as rows_of_model
            where {{ conditions | join(' or ') or '1 = 0' }}
        )
    {%- endset -%}
    {{ spark__get_merge_sql(this, new_rows, kept.get('key', ['indicator_id', 'geo_id', 'period_start_utc']), none, none) }}
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

{% macro mark_of(table) %}
    {#- The one row, beside what a build works on, that says how far a table has come. A table for each: of two that write
        into one at once, Delta refuses the second. -#}
    {{ return(own_table('building_esios', table.identifier ~ '__kept')) }}
{% endmacro %}

{% macro rows_written(table, state) %}
    {#- Up to which number the rows of a table have been written in this state; none: in no such state, or not at all. -#}
    {%- if load_relation(mark_of(table)) is none -%}{{ return(none) }}{%- endif -%}
    {%- for row in run_query('select written from ' ~ mark_of(table) ~ " where state = '" ~ state ~ "'").rows -%}{{ return(row[0] | int) }}{%- endfor -%}
    {{ return(none) }}
{% endmacro %}

{% macro write_rows_written(table, newest, state) %}
    {%- set mark = table_to_build_in(mark_of(table)) -%}
    {%- do write_table_of_rows(mark, "select '" ~ state ~ "' as state, cast(" ~ newest ~ ' as ' ~ type_counter() ~ ') as written') -%}
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

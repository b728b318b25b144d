{#- Spark's macros for dbt-fabricspark, which has no parent: made by dbt_project/build_fabricspark.py. -#}
{% macro fabricspark__add_days(day, days) %}{{ return(spark__add_days(day, days)) }}{% endmacro %}
{% macro fabricspark__days_from_to(first, last) %}{{ return(spark__days_from_to(first, last)) }}{% endmacro %}
{% macro fabricspark__first_of_month(day) %}{{ return(spark__first_of_month(day)) }}{% endmacro %}
{% macro fabricspark__clock_hour(local) %}{{ return(spark__clock_hour(local)) }}{% endmacro %}
{% macro fabricspark__day_start_utc(day) %}{{ return(spark__day_start_utc(day)) }}{% endmacro %}
{% macro fabricspark__add_seconds(instant, seconds) %}{{ return(spark__add_seconds(instant, seconds)) }}{% endmacro %}
{% macro fabricspark__hours_between(first, last) %}{{ return(spark__hours_between(first, last)) }}{% endmacro %}
{% macro fabricspark__each_day(spans, first, end) %}{{ return(spark__each_day(spans, first, end)) }}{% endmacro %}
{% macro fabricspark__each_number(rows, count) %}{{ return(spark__each_number(rows, count)) }}{% endmacro %}
{% macro fabricspark__create_schema_if_missing(schema) %}{{ return(spark__create_schema_if_missing(schema)) }}{% endmacro %}
{% macro fabricspark__forgiving(statements) %}{{ return(spark__forgiving(statements)) }}{% endmacro %}
{% macro fabricspark__natural_log(number) %}{{ return(spark__natural_log(number)) }}{% endmacro %}
{% macro fabricspark__medians(rows, keys, value, median, spread, further) %}{{ return(spark__medians(rows, keys, value, median, spread, further)) }}{% endmacro %}
{% macro fabricspark__readable_json(payload) %}{{ return(spark__readable_json(payload)) }}{% endmacro %}
{% macro fabricspark__json_texts(payload, paths) %}{{ return(spark__json_texts(payload, paths)) }}{% endmacro %}
{% macro fabricspark__responses_at_once() %}{{ return(spark__responses_at_once()) }}{% endmacro %}
{% macro fabricspark__explode_values(payloads) %}{{ return(spark__explode_values(payloads)) }}{% endmacro %}
{% macro fabricspark__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}{{ return(spark__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates)) }}{% endmacro %}
{% macro fabricspark__get_empty_schema_sql(columns) %}{{ return(spark__get_empty_schema_sql(columns)) }}{% endmacro %}
{% macro fabricspark__in_slice(column, type, margin) %}{{ return(spark__in_slice(column, type, margin)) }}{% endmacro %}
{% macro fabricspark__in_slice_of_indicators(column) %}{{ return(spark__in_slice_of_indicators(column)) }}{% endmacro %}
{% macro fabricspark__rows_in_a_slice() %}{{ return(spark__rows_in_a_slice()) }}{% endmacro %}
{% macro fabricspark__create_table_as(temporary, relation, compiled_code, language='sql') %}{{ return(spark__create_table_as(temporary, relation, compiled_code, language)) }}{% endmacro %}
{% macro fabricspark__written_once(name) %}{{ return(spark__written_once(name)) }}{% endmacro %}
{% macro fabricspark__written_by_response(name) %}{{ return(spark__written_by_response(name)) }}{% endmacro %}
{% macro fabricspark__clustered_on(columns, unique) %}{{ return(spark__clustered_on(columns, unique)) }}{% endmacro %}
{% macro fabricspark__indexed_on(columns, included) %}{{ return(spark__indexed_on(columns, included)) }}{% endmacro %}
{% macro fabricspark__rows_in(table) %}{{ return(spark__rows_in(table)) }}{% endmacro %}
{% macro fabricspark__keep_in_order_of(table, columns) %}{{ return(spark__keep_in_order_of(table, columns)) }}{% endmacro %}
{% macro fabricspark__create_table_if_missing(relation, columns) %}{{ return(spark__create_table_if_missing(relation, columns)) }}{% endmacro %}
{% macro fabricspark__add_column(table, column, type) %}{{ return(spark__add_column(table, column, type)) }}{% endmacro %}
{% macro fabricspark__in_its_own_batch(statement) %}{{ return(spark__in_its_own_batch(statement)) }}{% endmacro %}
{% macro fabricspark__replacing_by_key() %}{{ return(spark__replacing_by_key()) }}{% endmacro %}
{% macro fabricspark__step() %}{{ return(spark__step()) }}{% endmacro %}
{% macro fabricspark__views_are_written() %}{{ return(spark__views_are_written()) }}{% endmacro %}
{% macro fabricspark__one_by_one(statements) %}{{ return(spark__one_by_one(statements)) }}{% endmacro %}
{% macro fabricspark__insert_of_rows(table, columns, ctes, rows) %}{{ return(spark__insert_of_rows(table, columns, ctes, rows)) }}{% endmacro %}
{% macro fabricspark__stays_small(relation) %}{{ return(spark__stays_small(relation)) }}{% endmacro %}
{% macro fabricspark__in_parts_by_month(instant) %}{{ return(spark__in_parts_by_month(instant)) }}{% endmacro %}
{% macro fabricspark__text_literal(escaped) %}{{ return(spark__text_literal(escaped)) }}{% endmacro %}
{% macro fabricspark__cut_text(text, length) %}{{ return(spark__cut_text(text, length)) }}{% endmacro %}
{% macro fabricspark__parse_number(text) %}{{ return(spark__parse_number(text)) }}{% endmacro %}
{% macro fabricspark__parse_whole(text) %}{{ return(spark__parse_whole(text)) }}{% endmacro %}
{% macro fabricspark__asked_areas(url) %}{{ return(spark__asked_areas(url)) }}{% endmacro %}
{% macro fabricspark__url_parameter(url, name) %}{{ return(spark__url_parameter(url, name)) }}{% endmacro %}
{% macro fabricspark__parse_instant(text) %}{{ return(spark__parse_instant(text)) }}{% endmacro %}
{% macro fabricspark__wall_clock(text, instant) %}{{ return(spark__wall_clock(text, instant)) }}{% endmacro %}
{% macro fabricspark__to_madrid(instant) %}{{ return(spark__to_madrid(instant)) }}{% endmacro %}
{% macro fabricspark__from_madrid(local) %}{{ return(spark__from_madrid(local)) }}{% endmacro %}
{% macro fabricspark__midnight_of(local) %}{{ return(spark__midnight_of(local)) }}{% endmacro %}
{% macro fabricspark__to_second(instant) %}{{ return(spark__to_second(instant)) }}{% endmacro %}
{% macro fabricspark__seconds_past_hour(instant) %}{{ return(spark__seconds_past_hour(instant)) }}{% endmacro %}
{% macro fabricspark__add_hours(instant, hours) %}{{ return(spark__add_hours(instant, hours)) }}{% endmacro %}
{% macro fabricspark__hours_from_to(first, last) %}{{ return(spark__hours_from_to(first, last)) }}{% endmacro %}
{% macro fabricspark__offset_text(hours) %}{{ return(spark__offset_text(hours)) }}{% endmacro %}
{% macro fabricspark__literal_of_instant(instant) %}{{ return(spark__literal_of_instant(instant)) }}{% endmacro %}
{% macro fabricspark__refuse_other_zones() %}{{ return(spark__refuse_other_zones()) }}{% endmacro %}
{% macro fabricspark__now_utc() %}{{ return(spark__now_utc()) }}{% endmacro %}
{% macro fabricspark__each_hour(spans, first, end) %}{{ return(spark__each_hour(spans, first, end)) }}{% endmacro %}
{% macro fabricspark__type_text(length) %}{{ return(spark__type_text(length)) }}{% endmacro %}
{% macro fabricspark__type_code(length) %}{{ return(spark__type_code(length)) }}{% endmacro %}
{% macro fabricspark__type_whole() %}{{ return(spark__type_whole()) }}{% endmacro %}
{% macro fabricspark__type_number() %}{{ return(spark__type_number()) }}{% endmacro %}
{% macro fabricspark__type_instant() %}{{ return(spark__type_instant()) }}{% endmacro %}

{% materialization view, adapter='fabricspark', supported_languages=['sql'] %}
    {{ return(table_in_place_of_view(materialization_table_fabricspark)) }}
{% endmaterialization %}

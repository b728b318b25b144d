{#- Column types, one name for what we mean and one spelling an engine. No default__: an unknown engine fails to compile. -#}

{% macro type_text(length) %}{{ return(adapter.dispatch('type_text')(length)) }}{% endmacro %}
{% macro duckdb__type_text(length) %}{{ return('varchar') }}{% endmacro %}
{#- nvarchar: the names are Spanish, whatever the database's collation; a bare one would be a single character. -#}
{% macro sqlserver__type_text(length) %}{{ return('nvarchar(' ~ length ~ ')') }}{% endmacro %}
{% macro spark__type_text(length) %}{{ return('string') }}{% endmacro %}

{% macro type_code(length) %}{{ return(adapter.dispatch('type_code')(length)) }}{% endmacro %}
{% macro duckdb__type_code(length) %}{{ return('varchar') }}{% endmacro %}
{% macro sqlserver__type_code(length) %}{{ return('varchar(' ~ length ~ ')') }}{% endmacro %}
{% macro spark__type_code(length) %}{{ return('string') }}{% endmacro %}

{% macro type_whole() %}{{ return(adapter.dispatch('type_whole')()) }}{% endmacro %}
{% macro duckdb__type_whole() %}{{ return('integer') }}{% endmacro %}
{% macro sqlserver__type_whole() %}{{ return('int') }}{% endmacro %}
{% macro spark__type_whole() %}{{ return('int') }}{% endmacro %}

{% macro type_counter() %}{{ return('bigint') }}{% endmacro %}

{% macro type_number() %}{{ return(adapter.dispatch('type_number')()) }}{% endmacro %}
{% macro duckdb__type_number() %}{{ return('double') }}{% endmacro %}
{% macro sqlserver__type_number() %}{{ return('float') }}{% endmacro %}
{% macro spark__type_number() %}{{ return('double') }}{% endmacro %}

{% macro type_instant() %}{{ return(adapter.dispatch('type_instant')()) }}{% endmacro %}
{% macro duckdb__type_instant() %}{{ return('timestamp') }}{% endmacro %}
{% macro sqlserver__type_instant() %}{{ return('datetime2(3)') }}{% endmacro %}
{% macro spark__type_instant() %}{{ return('timestamp') }}{% endmacro %}

{% macro type_seconds() %}{{ return('decimal(7, 3)') }}{% endmacro %}

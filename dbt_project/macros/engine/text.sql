{#- Literals, and numbers out of text. -#}

{% macro text_literal(value) %}{{ return(adapter.dispatch('text_literal')(value | string | replace("'", "''"))) }}{% endmacro %}
{% macro duckdb__text_literal(escaped) %}{{ return("'" ~ escaped ~ "'") }}{% endmacro %}
{% macro sqlserver__text_literal(escaped) %}{{ return("N'" ~ escaped ~ "'") }}{% endmacro %}
{#- A quote that comes twice does not mean a quote inside a literal there. -#}
{% macro spark__text_literal(escaped) %}{{ return("'" ~ escaped | replace('\\', '\\\\') | replace("''", "\\'") ~ "'") }}{% endmacro %}

{% macro cut_text(text, length) %}{{ return(adapter.dispatch('cut_text')(text, length)) }}{% endmacro %}
{#- The first characters of a text. `left` walks through each text; its number of bytes is at hand, and is never less. -#}
{% macro duckdb__cut_text(text, length) %}case when strlen({{ text }}) <= {{ length }} then {{ text }} else left({{ text }}, {{ length }}) end{% endmacro %}
{% macro sqlserver__cut_text(text, length) %}left({{ text }}, {{ length }}){% endmacro %}
{% macro spark__cut_text(text, length) %}left({{ text }}, {{ length }}){% endmacro %}

{% macro parse_number(text) %}{{ return(adapter.dispatch('parse_number')(text)) }}{% endmacro %}
{#- Only what JSON calls a number: a bare cast would also take 'nan', 'inf', ' 5' and '1_000'. 1e400 becomes infinity. A
    text of more than 64 characters was cut (explode_values), and the rest is another number. -#}
{% macro duckdb__parse_number(text) %}
    case
        when length({{ text }}) <= 64 and regexp_full_match({{ text }}, '-?[0-9][0-9.eE+-]*') and isfinite(try_cast({{ text }} as double))
            then try_cast({{ text }} as double)
    end
{% endmacro %}
{#- try_cast('' as float) is 0 on SQL Server, hence the grammar first. 1e400 overflows and becomes null. -#}
{% macro sqlserver__parse_number(text) %}
    case
        when len({{ text }}) <= 64 and ({{ text }} like '[0-9]%' or {{ text }} like '-[0-9]%') and {{ text }} not like '%[^0-9.eE+-]%'
            then try_cast({{ text }} as float)
    end
{% endmacro %}
{% macro spark__parse_number(text) %}
    case
        when length({{ text }}) <= 64 and {{ text }} rlike '^-?[0-9][0-9.eE+-]*$' and abs(try_cast({{ text }} as double)) < double('Infinity')
            then try_cast({{ text }} as double)
    end
{% endmacro %}

{% macro parse_whole(text) %}{{ return(adapter.dispatch('parse_whole')(text)) }}{% endmacro %}
{#- Null stays null (no area given); any text but a whole number is -1, an area that is never registered. -#}
{% macro duckdb__parse_whole(text) %}
    case when {{ text }} is not null then coalesce(try_cast({{ text }} as integer), -1) end
{% endmacro %}
{% macro sqlserver__parse_whole(text) %}
    case when {{ text }} is not null then coalesce(try_cast(nullif({{ text }}, '') as int), -1) end
{% endmacro %}
{% macro spark__parse_whole(text) %}
    case when {{ text }} is not null then coalesce(try_cast({{ text }} as int), -1) end
{% endmacro %}

{% macro asked_areas(url) %}{{ return(adapter.dispatch('asked_areas')(url)) }}{% endmacro %}
{#- The areas that a request's URL names, such as ,1,2,3, (in order as texts); null where it names none. -#}
{% macro duckdb__asked_areas(url) %}
    ',' || nullif(array_to_string(list_sort(regexp_extract_all({{ url }}, 'geo_ids(\[\]|%5B%5D)=([0-9]+)', 2)), ','), '') || ','
{% endmacro %}
{% macro sqlserver__asked_areas(url) %}
    (
        select ',' + string_agg(named.area, ',') within group (order by named.area) + ','
        from (
            select cast(right(parts.value, charindex('=', reverse(parts.value)) - 1) as varchar(20)) as area
            from string_split({{ url }}, '&') as parts
            where parts.value like '%geo[_]ids[%]5B[%]5D=[0-9]%'
                or parts.value like '%geo[_]ids[[]]=[0-9]%'
        ) as named
    )
{% endmacro %}
{% macro spark__asked_areas(url) %}
    concat(
        ',',
        nullif(array_join(array_sort(regexp_extract_all({{ url }}, 'geo_ids([^A-Za-z0-9=&]{2}|%5B%5D)=([0-9]+)', 2)), ','), ''),
        ','
    )
{% endmacro %}

{% macro url_parameter(url, name) %}{{ return(adapter.dispatch('url_parameter')(url, name)) }}{% endmacro %}
{#- The value of a parameter that a URL gives once, without escapes; null where it gives none. -#}
{% macro duckdb__url_parameter(url, name) %}nullif(regexp_extract({{ url }}, '[?&]{{ name }}=([^&]*)', 1), ''){% endmacro %}
{% macro sqlserver__url_parameter(url, name) %}
    (
        select max(cast(substring(parts.value, charindex('{{ name }}=', parts.value) + {{ name | length + 1 }}, 100) as varchar(100)))
        from string_split({{ url }}, '&') as parts
        where parts.value like '{{ name | replace('_', '[_]') }}=_%'
            or parts.value like '%?{{ name | replace('_', '[_]') }}=_%'
    )
{% endmacro %}
{% macro spark__url_parameter(url, name) %}nullif(regexp_extract({{ url }}, '[?&]{{ name }}=([^&]*)', 1), ''){% endmacro %}

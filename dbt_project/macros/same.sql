{#- The conditions that two rows are of the same thing. -#}

{% macro same(one, other, columns) %}
    {%- for column in columns %}
    {{ one }}.{{ column }} = {{ other }}.{{ column }}{{ ' and' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{% macro same_answer(one, other) %}
    {#- The natural key of a response: there is no other, because the landing table's columns are fixed. Time first, as in
        the indexes of both sides. -#}
    {{ same(one, other, ['extracted_at_utc', 'indicator_id', 'window_start_utc', 'window_end_utc', 'payload_sha256', 'run_id']) }}
{%- endmacro %}

{% macro same_day(one, other) %}{{ same(one, other, ['indicator_id', 'geo_id', 'madrid_day']) }}{%- endmacro %}

{% macro same_period(one, other) %}
    {#- With the day: no engine has to find a period among all of an area's by an instant alone. -#}
    {{ same(one, other, ['indicator_id', 'geo_id', 'madrid_day', 'period_start_utc']) }}
{%- endmacro %}

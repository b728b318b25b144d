{% macro same_answer(one, other) %}
    {#- The natural key of an answer: there is no other, because the landing table's columns are fixed. Time first, as in the
        indexes of both sides. -#}
    {%- for column in ['extracted_at_utc', 'indicator_id', 'window_start_utc', 'window_end_utc', 'payload_sha256', 'run_id'] %}
    {{ one }}.{{ column }} = {{ other }}.{{ column }}{{ ' and' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

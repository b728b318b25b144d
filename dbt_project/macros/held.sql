{% macro held(value) %}
    {#- Limited to ±1e15, so that later arithmetic does not overflow on the most absurd of numbers. #}
    case when {{ value }} > 1e15 then 1e15 when {{ value }} < -1e15 then -1e15 else {{ value }} end
{%- endmacro %}

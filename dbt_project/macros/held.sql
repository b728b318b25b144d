{% macro held(value) %}
    {#- Held at ±1e15, so that no later arithmetic overflows on the most absurd of numbers. #}
    case when {{ value }} > 1e15 then 1e15 when {{ value }} < -1e15 then -1e15 else {{ value }} end
{%- endmacro %}

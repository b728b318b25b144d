{% macro held(value) %}
    {#- Within ±1e15, and 0 within ±1e-15, so that no later product or quotient of the most absurd of numbers overflows. #}
    case
        when {{ value }} > 1e15 then 1e15
        when {{ value }} < -1e15 then -1e15
        when {{ value }} between -1e-15 and 1e-15 then 0e0
        else {{ value }}
    end
{%- endmacro %}

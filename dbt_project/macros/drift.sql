{#- The ten bins of the population stability index, written out: neither engine has arrays that both understand. -#}

{% macro decile_edges(parts) %}
    {#- Rounded: what interpolation leaves in the last digits must not part a value from an edge that equals it. -#}
    {%- for decile in range(1, 10) %}
    round(sum(case when {{ parts }}.decile = {{ decile }} then {{ parts }}.part else 0 end), 6) as edge_{{ decile }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{% macro bin_of(value, edges) %}
    {#- 0 … 9: how many edges lie below the value. -#}
    {%- for decile in range(1, 10) %}
    {{ '+ ' if not loop.first }}case when {{ value }} > {{ edges }}.edge_{{ decile }} then 1 else 0 end
    {%- endfor %}
{%- endmacro %}

{% macro bin_counts() %}
    {%- for bin in range(10) %}
    sum(case when bin = {{ bin }} and is_reference = 0 then values_in_bin else 0 end) as here_{{ bin }},
    sum(case when bin = {{ bin }} and is_reference = 1 then values_in_bin else 0 end) as before_{{ bin }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{% macro bin_shares() %}
    {#- An empty bin would make the logarithm infinite. -#}
    {%- for counts, total in [('here', 'values_there'), ('before', 'reference_values')] %}
    {%- set is_last = loop.last %}
    {%- for bin in range(10) %}
    case
        when {{ counts }}_{{ bin }} > 1e-4 * {{ total }} then 1e0 * {{ counts }}_{{ bin }} / {{ total }} else 1e-4
    end as {{ counts }}_{{ bin }}{{ ',' if not (is_last and loop.last) }}
    {%- endfor %}
    {%- endfor %}
{%- endmacro %}

{% macro stability_index() %}
    {%- for bin in range(10) %}
    {{ '+ ' if not loop.first }}(here_{{ bin }} - before_{{ bin }}) * {{ natural_log('here_' ~ bin ~ ' / before_' ~ bin) }}
    {%- endfor %}
{%- endmacro %}

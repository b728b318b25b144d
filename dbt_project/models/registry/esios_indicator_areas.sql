-- depends_on: {{ ref('esios_indicators') }}
{%- set listed = listed_areas() -%}

{% for indicator_id, geo_id, place in listed or [[0, 0, 0]] %}
select
    cast({{ indicator_id }} as {{ type_whole() }}) as indicator_id,
    cast({{ geo_id }} as {{ type_whole() }}) as geo_id,
    cast({{ place }} as {{ type_whole() }}) as place
{{ 'union all' if not loop.last }}
{% endfor %}
{{ 'where 1 = 0' if not listed }}

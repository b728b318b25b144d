-- depends_on: {{ ref('esios_indicators') }}
{%- set areas = listed_areas() %}

select
    cast(listed.indicator_id as {{ type_whole() }}) as indicator_id,
    cast(listed.geo_id as {{ type_whole() }}) as geo_id,
    cast(listed.place as {{ type_whole() }}) as place
from (
    values
    {%- for indicator_id, geo_id, place in areas or [[0, 0, 0]] %}
    ({{ indicator_id }}, {{ geo_id }}, {{ place }}){{ ',' if not loop.last }}
    {%- endfor %}
) as listed (indicator_id, geo_id, place)
{{ 'where 1 = 0' if not areas }}

-- depends_on: {{ ref('esios_indicators') }}
{%- set seconds = {'five_minutes': 300, 'ten_minutes': 600, 'fifteen_minutes': 900, 'hour': 3600} %}

select
    cast(listed.indicator_id as {{ type_whole() }}) as indicator_id,
    cast(listed.valid_from_utc as {{ type_instant() }}) as valid_from_utc,
    cast(listed.valid_until_utc as {{ type_instant() }}) as valid_until_utc,
    cast(listed.cadence as {{ type_code(20) }}) as cadence,
    cast(listed.cadence_seconds as {{ type_whole() }}) as cadence_seconds
from (
    values
    {%- for id, valid_from, valid_until, cadence in listed_cadences() %}
    ({{ id }}, '{{ valid_from }}', '{{ valid_until }}', '{{ cadence }}', {{ seconds.get(cadence, 'null') }}){{ ',' if not loop.last }}
    {%- endfor %}
) as listed (indicator_id, valid_from_utc, valid_until_utc, cadence, cadence_seconds)

-- depends_on: {{ ref('esios_indicators') }}
{%- set seconds = {'five_minutes': 300, 'ten_minutes': 600, 'fifteen_minutes': 900, 'hour': 3600} -%}

{%- for indicator in registered_entries() -%}
{%- set is_last = loop.last -%}
{%- for valid_from, valid_until, cadence in cadence_spans(indicator) %}
select
    cast({{ indicator.id }} as {{ type_whole() }}) as indicator_id,
    cast('{{ valid_from }}' as {{ type_instant() }}) as valid_from_utc,
    cast('{{ valid_until }}' as {{ type_instant() }}) as valid_until_utc,
    cast('{{ cadence }}' as {{ type_code(20) }}) as cadence,
    cast({{ seconds.get(cadence, 'null') }} as {{ type_whole() }}) as cadence_seconds
{{ 'union all' if not (is_last and loop.last) }}
{%- endfor -%}
{%- endfor %}

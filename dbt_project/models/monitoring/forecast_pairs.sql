{#- During parsing the properties file is not read yet: one empty entry keeps the SQL whole. -#}
{%- set meta = model.config.get('meta', {}) -%}
{%- set loaded_pair = meta.get('predictions', {}) -%}

{% for pair in meta.get('pairs', []) %}
select
    cast({{ text_literal(pair.forecast) }} as {{ type_text(100) }}) as forecast,
    cast({{ pair.forecast_indicator_id }} as {{ type_whole() }}) as forecast_indicator_id,
    cast({{ pair.actual_indicator_id }} as {{ type_whole() }}) as actual_indicator_id,
    {{ cutoff_columns(pair.known_before) }},
    {{ threshold(pair, 'deadline_hours', type_number()) }},
    {{ threshold(pair, 'mape_warn', type_number()) }},
    {{ threshold(pair, 'mape_alert', type_number()) }},
    {{ threshold(pair, 'bias_warn', type_number()) }},
    {{ threshold(pair, 'coverage_alert', type_number()) }},
    {{ threshold(pair, 'skill_warn', type_number()) }}
union all
{% endfor %}

select distinct
    cast(loaded.forecast as {{ type_text(100) }}) as forecast,
    cast(null as {{ type_whole() }}) as forecast_indicator_id,
    loaded.indicator_id as actual_indicator_id,
    {{ cutoff_columns(loaded_pair.known_before or 'PT0S') }},
    {{ threshold(loaded_pair, 'deadline_hours', type_number()) }},
    {{ threshold(loaded_pair, 'mape_warn', type_number()) }},
    {{ threshold(loaded_pair, 'mape_alert', type_number()) }},
    {{ threshold(loaded_pair, 'bias_warn', type_number()) }},
    {{ threshold(loaded_pair, 'coverage_alert', type_number()) }},
    {{ threshold(loaded_pair, 'skill_warn', type_number()) }}
from {{ source('loaded', 'predictions') }} as loaded

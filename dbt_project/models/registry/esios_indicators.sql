{#- During parsing the properties file is not read yet: one empty entry keeps the SQL whole. -#}
{%- set indicators = model.config.get('meta', {}).get('indicators', []) -%}

{% for indicator in indicators %}
select
    cast({{ indicator.id }} as {{ type_whole() }}) as id,
    cast({{ text_literal(indicator.name) }} as {{ type_text(200) }}) as name,
    cast({{ text_literal(indicator.role) }} as {{ type_text(50) }}) as role,
    cast({{ text_literal(indicator.unit) }} as {{ type_text(20) }}) as unit,
    cast({{ {'hour': 3600, 'fifteen_minutes': 900}[indicator.cadence] }} as {{ type_whole() }}) as cadence_seconds,
    cast({{ text_literal(indicator.time_agg) }} as {{ type_text(20) }}) as time_agg,
    cast({{ indicator.geo_id }} as {{ type_whole() }}) as geo_id,
    cast({{ text_literal(indicator.first_day) }} as date) as first_day,
    cast({{ indicator.published_ahead_days }} as {{ type_whole() }}) as published_ahead_days,
    cast({{ indicator.revision_horizon_days }} as {{ type_whole() }}) as revision_horizon_days,
    cast({{ indicator.plausible_min }} as {{ type_number() }}) as plausible_min,
    cast({{ indicator.plausible_max }} as {{ type_number() }}) as plausible_max,
    cast({{ indicator.plausible_step }} as {{ type_number() }}) as plausible_step,
    {{ threshold(indicator, 'fresh_within_hours', type_whole()) }},
    {{ threshold(indicator, 'due_after_hours', type_whole()) }},
    {{ threshold(indicator, 'late_after_hours', type_whole()) }},
    {{ threshold(indicator, 'flat_hours_max', type_whole()) }},
    {{ threshold(indicator, 'weekly_scale_min', type_number()) }},
    {{ threshold(indicator, 'weekly_z_max', type_number()) }},
    {{ threshold(indicator, 'weekly_change_max', type_number()) }},
    {{ threshold(indicator, 'revision_max', type_number()) }}
{{ 'union all' if not loop.last }}
{% endfor %}

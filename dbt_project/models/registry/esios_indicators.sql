{% for indicator in registered_entries() %}
select
    cast({{ indicator.id }} as {{ type_whole() }}) as id,
    cast({{ text_literal(indicator.name) }} as {{ type_text(200) }}) as name,
    cast({{ text_literal(indicator.role) }} as {{ type_text(50) }}) as role,
    cast({{ text_literal(indicator.kind) }} as {{ type_text(20) }}) as kind,
    cast({{ text_literal(indicator.unit) }} as {{ type_text(20) }}) as unit,
    cast({{ text_literal(indicator.time_agg) }} as {{ type_text(20) }}) as time_agg,
    cast({{ 1 if indicator.areas == 'all' else 0 }} as {{ type_whole() }}) as has_all_areas,
    cast({{ text_literal(indicator.first_day) }} as date) as first_day,
    cast({{ indicator.published_ahead_days }} as {{ type_whole() }}) as published_ahead_days,
    cast({{ indicator.revision_horizon_days }} as {{ type_whole() }}) as revision_horizon_days,
    {%- set seal = modules.re.fullmatch('D-?([0-9]*)T([0-9]+):([0-9]+)', indicator.sealed or '') %}
    cast({{ (seal[1] or 0) if seal else 'null' }} as {{ type_whole() }}) as sealed_days_before,
    cast({{ 3600 * seal[2] | int + 60 * seal[3] | int if seal else 'null' }} as {{ type_whole() }}) as sealed_clock_seconds,
    {{ threshold(indicator, 'plausible_min', type_number()) }},
    {{ threshold(indicator, 'plausible_max', type_number()) }},
    {{ threshold(indicator, 'plausible_step', type_number()) }},
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

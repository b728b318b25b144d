{#- A values list instead of a union of selects: for two hundred indicators an engine plans it in a seventh of the time. -#}
{%- do check_registry() -%}
{%- set thresholds = [
    'plausible_min', 'plausible_max', 'plausible_step',
    'fresh_within_hours', 'due_after_hours', 'late_after_hours', 'flat_hours_max',
    'weekly_scale_min', 'weekly_z_max', 'weekly_change_max', 'revision_max'
] -%}

select
    cast(listed.id as {{ type_whole() }}) as id,
    cast(listed.name as {{ type_text(200) }}) as name,
    cast(listed.role as {{ type_text(50) }}) as role,
    cast(listed.kind as {{ type_text(20) }}) as kind,
    cast(listed.unit as {{ type_text(20) }}) as unit,
    cast(listed.time_agg as {{ type_text(20) }}) as time_agg,
    cast(listed.has_all_areas as {{ type_whole() }}) as has_all_areas,
    cast(listed.first_day as date) as first_day,
    cast(listed.published_ahead_days as {{ type_whole() }}) as published_ahead_days,
    cast(listed.revision_horizon_days as {{ type_whole() }}) as revision_horizon_days,
    cast(listed.sealed_days_before as {{ type_whole() }}) as sealed_days_before,
    cast(listed.sealed_clock_seconds as {{ type_whole() }}) as sealed_clock_seconds,
    cast(listed.plausible_min as {{ type_number() }}) as plausible_min,
    cast(listed.plausible_max as {{ type_number() }}) as plausible_max,
    cast(listed.plausible_step as {{ type_number() }}) as plausible_step,
    cast(listed.fresh_within_hours as {{ type_whole() }}) as fresh_within_hours,
    cast(listed.due_after_hours as {{ type_whole() }}) as due_after_hours,
    cast(listed.late_after_hours as {{ type_whole() }}) as late_after_hours,
    cast(listed.flat_hours_max as {{ type_whole() }}) as flat_hours_max,
    cast(listed.weekly_scale_min as {{ type_number() }}) as weekly_scale_min,
    cast(listed.weekly_z_max as {{ type_number() }}) as weekly_z_max,
    cast(listed.weekly_change_max as {{ type_number() }}) as weekly_change_max,
    cast(listed.revision_max as {{ type_number() }}) as revision_max
from (
    values
    {%- for indicator in registered_entries() %}
    {%- set seal = modules.re.fullmatch('D-?([0-9]*)T([0-9]+):([0-9]+)', indicator.sealed or '') %}
    (
        {{ indicator.id }},
        {{ text_literal(indicator.name) }},
        {{ text_literal(indicator.role) }},
        {{ text_literal(indicator.kind) }},
        {{ text_literal(indicator.unit) }},
        {{ text_literal(indicator.time_agg) }},
        {{ 1 if indicator.areas == 'all' else 0 }},
        {{ text_literal(indicator.first_day) }},
        {{ indicator.published_ahead_days }},
        {{ indicator.revision_horizon_days }},
        {{ (seal[1] or 0) if seal else 'null' }},
        {{ 3600 * seal[2] | int + 60 * seal[3] | int if seal else 'null' }},
        {%- for threshold in thresholds %}
        {{ 'null' if indicator.get(threshold) is none else indicator[threshold] }}{{ ',' if not loop.last }}
        {%- endfor %}
    ){{ ',' if not loop.last }}
    {%- endfor %}
) as listed (
    id, name, role, kind, unit, time_agg, has_all_areas, first_day, published_ahead_days, revision_horizon_days,
    sealed_days_before, sealed_clock_seconds,
    {{ thresholds | join(', ') }}
)

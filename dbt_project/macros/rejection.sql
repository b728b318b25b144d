{% macro rejected_because(staged, registered, areas, cadences) %}
    {#- Registry, area and cadence are judged when read, so that an indicator registered later needs no new staging. -#}
    case
        when {{ staged }}.unusable_because is not null then {{ staged }}.unusable_because
        when {{ registered }}.id is null then 'the indicator is not registered'
        when {{ staged }}.geo_id is not null and {{ registered }}.has_all_areas = 0 and {{ areas }}.geo_id is null
            then 'the area is not registered'
        when {{ is_off_cadence(staged, cadences) }} then 'the instant is off the cadence'
    end
{% endmacro %}

{% macro is_off_cadence(staged, cadences) %}
    {#- The condition that a period does not start where its cadence has one start; days and months start at Madrid midnights. -#}
    {%- set local = to_madrid(staged ~ '.period_start_utc') -%}
    case {{ cadences }}.cadence
        when 'day' then case when {{ local }} <> {{ midnight_of(local) }} then 1 else 0 end
        when 'month' then case when {{ local }} <> {{ midnight_of(first_of_month(day_of(local))) }} then 1 else 0 end
        else {{ staged }}.seconds_past_hour % {{ cadences }}.cadence_seconds
    end <> 0
{% endmacro %}

{% macro join_registry(staged) %}
    {#- The joins that give `rejected_because` the aliases registered, areas and cadences. -#}
    left join {{ ref('esios_indicators') }} as registered
        on {{ staged }}.indicator_id = registered.id
    left join {{ ref('esios_indicator_areas') }} as areas
        on {{ staged }}.indicator_id = areas.indicator_id
            and {{ staged }}.geo_id = areas.geo_id
    left join {{ ref('esios_indicator_cadences') }} as cadences
        on {{ staged }}.indicator_id = cadences.indicator_id
            and {{ staged }}.period_start_utc >= cadences.valid_from_utc
            and {{ staged }}.period_start_utc < cadences.valid_until_utc
{% endmacro %}

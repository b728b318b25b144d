{% macro rejected_because(staged, registered) %}
    {#- Registry and area are judged when read, so that an indicator registered later needs no new staging. -#}
    case
        when {{ staged }}.unusable_because is not null then {{ staged }}.unusable_because
        when {{ registered }}.id is null then 'the indicator is not registered'
        when {{ staged }}.geo_id <> {{ registered }}.geo_id then 'the area is not registered'
        when {{ staged }}.seconds_past_hour % {{ registered }}.cadence_seconds <> 0 then 'the instant is off the cadence'
    end
{% endmacro %}

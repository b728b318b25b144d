{% macro grid_start(instant, cadence, cadence_seconds) %}
    {#- Start of the period of a cadence that holds `instant`. -#}
    case
        when {{ cadence_seconds }} is not null
            then {{ add_seconds(instant, '-(cast(floor(' ~ seconds_past_hour(instant) ~ ') as ' ~ type_whole() ~ ') % ' ~ cadence_seconds ~ ')') }}
        when {{ cadence_seconds }} is null then {{ calendar_period_start(instant, cadence) }}
    end
{%- endmacro %}

{% macro grid_value(value, time_agg) %}
    {#- Aggregate of the values of the periods that make up a coarser one: energy adds up, all else is a mean. -#}
    case when {{ time_agg }} = 'sum' then sum({{ value }}) else avg({{ value }}) end
{%- endmacro %}

{% macro nominal_seconds(cadences) %}
    {#- Length of a cadence, to find the longer of two. -#}
    coalesce({{ cadences }}.cadence_seconds, case when {{ cadences }}.cadence = 'day' then 86400 else 2678400 end)
{%- endmacro %}

{#- Periods of every cadence, and the clocks of Madrid: a day or a month ends where Madrid's does. -#}

{% macro period_end(start, cadence, cadence_seconds) %}
    {#- End of the period that begins at `start`; null without a cadence. `cadence_seconds` is null for day and month. -#}
    {%- set day = day_of(to_madrid(start)) -%}
    case
        when {{ cadence_seconds }} is not null then {{ add_seconds(start, cadence_seconds) }}
        when {{ cadence }} = 'day' then {{ day_start_utc(add_days(day, 1)) }}
        {#- 31 days after the first of a month lies in the next one, whatever its length. #}
        when {{ cadence }} = 'month' then {{ day_start_utc(first_of_month(add_days(first_of_month(day), 31))) }}
    end
{%- endmacro %}

{% macro calendar_period_start(instant, cadence) %}
    {#- Start of the Madrid day or month that holds `instant`; null for other cadences. -#}
    {%- set day = day_of(to_madrid(instant)) -%}
    case
        when {{ cadence }} = 'day' then {{ day_start_utc(day) }}
        when {{ cadence }} = 'month' then {{ day_start_utc(first_of_month(day)) }}
    end
{%- endmacro %}

{% macro madrid_clock(day, seconds) %}
    {#- The instant (UTC) at which the clocks of Madrid show `seconds` after midnight of `day`. Counted from the midnight on
        the same side of a change of clocks: of a time that comes twice the first, one that is skipped as if it had not been
        (as Python's zoneinfo with fold=0). -#}
    case
        when {{ seconds }} < 10800 then {{ add_seconds(day_start_utc(day), seconds) }}
        else {{ add_seconds(day_start_utc(add_days(day, 1)), '(' ~ seconds ~ ' - 86400)') }}
    end
{%- endmacro %}

{% macro comes_twice(instant, local) %}
    {#- 1 where the clocks of Madrid show a time, `local`, at two instants: in the night when they go back. That is between two
        and three; the calendar is asked about no other hour. -#}
    case
        when {{ clock_hour(local) }} <> 2 then 0
        when {{ to_madrid(add_hours(instant, 1)) }} = {{ local }} or {{ to_madrid(add_hours(instant, -1)) }} = {{ local }} then 1
        else 0
    end
{%- endmacro %}

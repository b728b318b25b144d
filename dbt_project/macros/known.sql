{#- What was known then, from esios_value_versions. A cutoff includes its own instant: known_from <= cutoff < known_until.
    Landed is known: a backfill never passes for what was known before it. Only with trust_sealing does the first version of
    a series with the registry's key `sealed` count from its sealed_at_utc on. -#}

{% macro known_as_of(instant, trust_sealing=false) %}
    {#- From-clause with the version of each period that stood at one instant, a text `yyyy-mm-dd hh:mm:ss` in UTC. -#}
    {%- if not modules.re.fullmatch('[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?', instant) -%}
        {%- do exceptions.raise_compiler_error("'" ~ instant ~ "' is not a valid instant: use yyyy-mm-dd hh:mm:ss, in UTC") -%}
    {%- endif -%}
    {{ known_by("cast('" ~ instant | replace('T', ' ') ~ "' as " ~ type_instant() ~ ')', trust_sealing) }}
{% endmacro %}

{% macro known_before(rule, trust_sealing=false) %}
    {#- From-clause with the version of each period that stood at the cutoff of its own, by a rule: D-1T12:00 is noon
        (Madrid) of the day before the period's, PT24H a day before its start. -#}
    {{ known_by(cutoff_of('versions.period_start_utc', rule), trust_sealing) }}
{% endmacro %}

{% macro known_by(cutoff, trust_sealing=false) %}
    {#- From-clause with the version of each period that stood at an SQL expression of `versions`, which it gives as cutoff_utc. -#}
    {%- set known_from = 'versions.known_from_utc' -%}
    {%- if trust_sealing -%}
        {%- set known_from = 'case when versions.version = 1 and versions.sealed_at_utc < versions.known_from_utc'
            ~ ' then versions.sealed_at_utc else versions.known_from_utc end' -%}
    {%- endif -%}
    (
        select
            versions.*,
            {{ cutoff }} as cutoff_utc
        from {{ ref('esios_value_versions') }} as versions
        where {{ known_from }} <= {{ cutoff }}
            and (versions.known_until_utc is null or versions.known_until_utc > {{ cutoff }})
    )
{% endmacro %}

{% macro cutoff_of(period_start, rule) %}
    {#- SQL expression of a rule's cutoff for the period that begins at `period_start`. -#}
    {%- set parts = parts_of_rule(rule) -%}
    {%- if parts.days is none -%}
        {{ return(add_seconds(period_start, -parts.seconds)) }}
    {%- endif -%}
    {{ return('(' ~ madrid_clock(add_days(day_of(to_madrid(period_start)), parts.days), parts.seconds) ~ ')') }}
{% endmacro %}

{% macro parts_of_rule(rule) %}
    {#- {days, seconds}: the Madrid day counted from the period's and the clock's seconds after midnight; days none: a lead
        of so many seconds. The same two ways to write a rule as `esios export --known-before`. -#}
    {%- set day = modules.re.fullmatch('D([+-][0-9]{1,3})?T([01][0-9]|2[0-3]):([0-5][0-9])(:([0-5][0-9]))?', rule) -%}
    {%- if day -%}
        {{ return({'days': (day[1] or 0) | int, 'seconds': 3600 * day[2] | int + 60 * day[3] | int + (day[5] or 0) | int}) }}
    {%- endif -%}
    {%- set lead = modules.re.fullmatch(
        'P(?=.)(([0-9]{1,4})W)?(([0-9]{1,5})D)?(T(?=.)(([0-9]{1,6})H)?(([0-9]{1,8})M)?(([0-9]{1,9})S)?)?', rule
    ) -%}
    {%- if not lead -%}
        {%- do exceptions.raise_compiler_error(
            "'" ~ rule ~ "' is not a valid rule: use D-1T12:00 (Madrid clock, D the day of the period) or a lead before its start such as PT24H"
        ) -%}
    {%- endif -%}
    {%- set counted = namespace(seconds=0) -%}
    {%- for group, length in {2: 604800, 4: 86400, 7: 3600, 9: 60, 11: 1}.items() -%}
        {%- set counted.seconds = counted.seconds + length * (lead[group] or 0) | int -%}
    {%- endfor -%}
    {{ return({'days': none, 'seconds': counted.seconds}) }}
{% endmacro %}

{% macro cutoff_columns(rule) %}
    {#- A rule as the columns cutoff_days and cutoff_seconds, for rules that differ from row to row. -#}
    {%- set parts = parts_of_rule(rule) -%}
    cast({{ 'null' if parts.days is none else parts.days }} as {{ type_whole() }}) as cutoff_days,
    cast({{ parts.seconds }} as {{ type_whole() }}) as cutoff_seconds
{%- endmacro %}

{% macro cutoff_by_columns(period_start, rules) %}
    {#- SQL expression of the cutoff by those columns of `rules`. -#}
    case
        when {{ rules }}.cutoff_days is null then {{ add_seconds(period_start, '-' ~ rules ~ '.cutoff_seconds') }}
        when {{ rules }}.cutoff_days is not null
            then {{ madrid_clock(add_days(day_of(to_madrid(period_start)), rules ~ '.cutoff_days'), rules ~ '.cutoff_seconds') }}
    end
{%- endmacro %}

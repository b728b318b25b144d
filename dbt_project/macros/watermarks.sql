{#- How far a table has come: read while its model is compiled, and written into the SQL as plain numbers. A server plans by
    what it knows: behind a subquery it would guess that a third of all history is new, and read all of it. -#}

{% macro asked_now(query, assumed) %}
    {#- The rows of a query; `assumed` while parsing, and for the lint, which has no database to ask. -#}
    {% if not execute or var('assume_incremental') is not none %}
        {{ return(assumed) }}
    {% endif %}
    {{ return(run_query(query).rows) }}
{% endmacro %}

{% macro is_missing(table) %}
    {#- Whether a question to a table would fail because nothing has built it yet: tests are compiled for the docs, too. -#}
    {{ return(execute and var('assume_incremental') is none and load_relation(table) is none) }}
{% endmacro %}

{% macro literals_of_all_time() %}
    {#- The first and the last instant that each engine holds: what is assumed leaves nothing out. -#}
    {{ return(["'0001-01-01'", "'9999-12-31'"]) }}
{% endmacro %}

{% macro highest(table, column) %}
    {#- The largest value of a counter, 0 for an empty table: the far end of an index. -#}
    {% set found = asked_now('select coalesce(max(' ~ column ~ '), 0) as highest from ' ~ table, [[0]]) %}
    {{ return(found[0][0] | int) }}
{% endmacro %}

{% macro has_rows(table) %}
    {{ return(asked_now('select case when exists (select 1 from ' ~ table ~ ') then 1 else 0 end as has_rows', [[0]])[0][0] | int > 0) }}
{% endmacro %}

{% macro indicators_behind(newer, counter, watermark) %}
    {#- (indicator, watermark) of each registered indicator of which `newer` has rows above the watermark, one seek each. Responses
        are numbered over all indicators and a build reads all that there are: one watermark serves for all. -#}
    {% set query %}
        select registered.id
        from {{ ref('esios_indicators') }} as registered
        where exists (
                select 1
                from {{ newer }} as newer
                where newer.indicator_id = registered.id
                    and newer.{{ counter }} > {{ watermark }}
            )
        order by registered.id
    {% endset %}
    {%- set behind = [] -%}
    {%- for row in asked_now(query, [[460]]) -%}{%- do behind.append([row[0] | int, watermark]) -%}{%- endfor -%}
    {{ return(behind) }}
{% endmacro %}

{% macro highest_of_indicator(table, column) %}
    {#- The largest value of a counter among the rows of `registered.id`; null where there is none. -#}
    (
        select max(highest.{{ column }})
        from {{ table }} as highest
        where highest.indicator_id = registered.id
    )
{% endmacro %}

{% macro newer_than(behind, rows, counter='response_id') %}
    {#- If no indicator is behind, nothing is read. Indicators with the same watermark share one condition. The least
        watermark is a condition of its own, so that an engine always finds the end of the table by it. -#}
    {%- if not behind -%}
        1 = 0
    {%- else -%}
        {{ rows }}.{{ counter }} > {{ behind | map(attribute=1) | min }}
        and (
            {%- for watermark, of_it in behind | groupby(1) %}
            {{ 'or ' if not loop.first }}({{ rows }}.{{ counter }} > {{ watermark | int }} and {{ rows }}.indicator_id in ({{ of_it | map('first') | join(', ') }}))
            {%- endfor %}
        )
    {%- endif -%}
{% endmacro %}

{% macro touched_periods(behind) %}
    {#- The periods that responses behind the watermarks touch. -#}
    select distinct
        staged.indicator_id,
        staged.period_start_utc
    from {{ ref('stg_esios__response_entries') }} as staged
    where {{ newer_than(behind, 'staged') }}
{% endmacro %}

{% macro all_that_is_unknown_is_later(landed, instant, known) %}
    {#- (literal of the last known `instant`, known rows) if the rows of `landed` after that instant are all that is not
        known yet; [none, 0] otherwise. Rows are only appended: if their number adds up, none is missing, and only the far
        end of an index on `instant` is read. If it does not, a row was committed late, with an older time. `known`: a
        subquery that gives one row, last_known and known_rows. -#}
    {% set query %}
        select
            {{ literal_of_instant('before.last_known') }} as last_literal,
            before.known_rows,
            {{ rows_in(landed) }} - before.known_rows as unknown,
            count(lately.{{ instant }}) as landed_lately
        from ({{ known }}) as before
        {#- For Sail (0.7) alone a join: it resolves no column of the outer query behind >. #}
        left join {{ landed }} as lately
            on before.last_known < lately.{{ instant }}
        group by before.last_known, before.known_rows
    {% endset %}
    {%- set before = asked_now(query, [[none, 0, 0, 1]])[0] -%}
    {{ return([before[0], before[1] | int] if before[0] and before[2] | int == before[3] | int else [none, 0]) }}
{% endmacro %}

{% macro not_staged(landed, staged) %}
    {#- The condition that the response `landed` is not staged yet. Responses are numbered without holes: the last number is
        their count. Only after one that was committed late, every key is compared. -#}
    {%- set known %}select max(extracted_at_utc) as last_known, coalesce(max(response_id), 0) as known_rows from {{ staged }}{% endset -%}
    {%- set last_literal = all_that_is_unknown_is_later(landed, 'extracted_at_utc', known)[0] -%}
    {%- if last_literal -%}
        landed.extracted_at_utc > {{ last_literal }}
    {%- else -%}
        not exists (
            select {{ stays_small('staged') }} 1
            from {{ staged }} as staged
            where {{ same_answer('staged', 'landed') }}
        )
    {%- endif -%}
{% endmacro %}

{% macro checks_judged(checks, judged) %}
    {#- (literal of the last check, how many checks) that the newest judgement knew, or [none, 0]: then all are to be read. -#}
    {%- set known %}
        select
            max(last_checked_at_utc) as last_known,
            coalesce(max(checks_judged), 0) as known_rows
        from {{ judged }}
        where checks_judged = (select max(checks_judged) from {{ judged }})
    {% endset -%}
    {{ return(all_that_is_unknown_is_later(checks, 'checked_at_utc', known)) }}
{% endmacro %}

{% macro days_near(changes, margin, months=0) %}
    {#- (indicator, first day, last day) of each indicator in `changes`, a query of indicator_id, start_utc and end_utc: the
        days within `margin` days of them, or within so many months where its periods are months. As literals in the SQL
        they show a server how little of history is meant. -#}
    {% set query %}
        select
            changes.indicator_id,
            {{ literal_of_instant('min(changes.start_utc)') }} as start_literal,
            {{ literal_of_instant('max(changes.end_utc)') }} as end_literal
        from ({{ changes }}) as changes
        group by changes.indicator_id
        order by changes.indicator_id
    {% endset %}
    {%- set days = [] -%}
    {%- set monthly = indicators_of_cadence('month') if months else [] -%}
    {%- for indicator, start, end in asked_now(query, [[460, "'2018-01-01'", "'2018-02-01'"]]) -%}
        {%- set apart = modules.datetime.timedelta(days=margin + 31 * months if indicator | int in monthly else margin) -%}
        {%- set first = modules.datetime.datetime.fromisoformat(start.split("'")[1]) - apart -%}
        {%- set last = modules.datetime.datetime.fromisoformat(end.split("'")[1]) + apart -%}
        {%- do days.append([indicator, first.date().isoformat(), last.date().isoformat()]) -%}
    {%- endfor -%}
    {{ return(days) }}
{% endmacro %}

{% macro within_days(rows, column, days, type) %}
    {#- The condition that a day or an instant lies within the `days` of its indicator; never true without days.
        Indicators with the same days are one condition, and the first and last day stand alone: see newer_than. -#}
    {%- if not days -%}{{ return('1 = 0') }}{%- endif -%}
    {%- set within = [] -%}
    {%- for first, of_first in days | groupby(1) -%}
        {%- for last, of_both in of_first | groupby(2) -%}
            {%- do within.append(
                '(' ~ between_days(rows, column, first, last, type) ~ ' and ' ~ rows ~ '.indicator_id in ('
                ~ of_both | map('first') | join(', ') ~ '))'
            ) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ between_days(rows, column, days | map(attribute=1) | min, days | map(attribute=2) | max, type) }}
        and (
            {{ within | join('\n            or ') }}
        )
{% endmacro %}

{% macro between_days(rows, column, first, last, type) %}
    {{ return(rows ~ '.' ~ column ~ " between cast('" ~ first ~ "' as " ~ type ~ ") and cast('" ~ last ~ "' as " ~ type ~ ')') }}
{% endmacro %}

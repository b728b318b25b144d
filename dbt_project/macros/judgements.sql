{#- What the quality models read again. Each row of theirs has the number of the judgement that wrote it, 1, 2, 3 …; the next
    model reads what has a higher number than its own newest. -#}

{% macro changed_periods(behind, due_judged) %}
    {#- The spans of new values, and the days that were asked for again or of which something else is due. -#}
    select
        versions.indicator_id,
        min(versions.period_start_utc) as start_utc,
        max(versions.period_end_utc) as end_utc
    from {{ ref('esios_value_versions') }} as versions
    where {{ newer_than(behind, 'versions', 'last_response_id') }}
    group by versions.indicator_id, versions.last_response_id
    union all
    select
        days.indicator_id,
        days.start_utc,
        days.end_utc
    from ({{ judged_days(ref('due_days'), due_judged) }}) as days
{% endmacro %}

{% macro days_to_judge(changes) %}
{#- CTEs. The last, days_to_judge: the days of an indicator of which a period may be judged otherwise, by a query of the spans
    that changed. A period is odd by the one before it and the one after it, and what follows an odd one takes no step of
    its own: one period before the change, and two after it. -#}
changes as (
    select
        changed.indicator_id,
        {{ add_days(day_of(to_madrid('changed.start_utc')), by_cadence('changed.indicator_id', -1, -1, -31)) }} as first_day,
        {{ add_days(day_of(to_madrid(add_seconds('changed.end_utc', -1))), by_cadence('changed.indicator_id', 2, 3, 63)) }} as end_day
    from ({{ changes }}) as changed
),

days_to_judge as (
    select distinct
        changes.indicator_id,
        each_day.madrid_day
    from {{ each_day('changes', 'first_day', 'end_day') }}
)
{%- endmacro %}

{% macro judged_days(table, judged) %}
    {#- The days of a table that were judged again after judgement number `judged`. -#}
    select
        indicator_id,
        madrid_day,
        {{ day_start_utc('madrid_day') }} as start_utc,
        {{ day_start_utc(add_days('madrid_day', 1)) }} as end_utc
    from {{ table }}
    where judgement > {{ judged }}
    group by indicator_id, madrid_day
{% endmacro %}

{% macro changed_days(judged, due_judged) %}
    {#- The days with anything judged, compared or asked for again. -#}
    {{ judged_days(ref('period_checks'), judged) }}
    union all
    {{ judged_days(ref('week_checks'), judged) }}
    union all
    {{ judged_days(ref('due_days'), due_judged) }}
{% endmacro %}

{% macro newest_judgement(table) %}
    {#- Scalar subquery: how far the table has come when the statement runs. -#}
    (
        select coalesce(max(newest.judgement), 0)
        from {{ table }} as newest
    )
{%- endmacro %}

{% macro judgement_log() %}
    {{ return(own_table(this.schema, 'indicators_judged')) }}
{% endmacro %}

{% macro create_judgement_log() %}
    {{ create_table_if_missing(
        judgement_log(), 'indicator_id ' ~ type_whole() ~ ' not null, rebuilt_at_utc ' ~ type_instant() ~ ' not null'
    ) }}
{% endmacro %}

{% macro rebuilt_indicators() %}
    {#- The indicators whose versions were built again, because their registration changed, since their days were judged. -#}
    {%- if not execute or var('assume_incremental') is not none or load_relation(version_log()) is none -%}
        {{ return([]) }}
    {%- endif -%}
    {%- set query %}
        select built.indicator_id
        from {{ version_log() }} as built
        {% if load_relation(judgement_log()) is not none %}
        where not exists (
                select 1
                from {{ judgement_log() }} as judged
                where judged.indicator_id = built.indicator_id
                    and judged.rebuilt_at_utc >= built.rebuilt_at_utc
            )
        {% endif %}
    {%- endset -%}
    {{ return(run_query(query).rows | map('first') | map('int') | list) }}
{% endmacro %}

{% macro with_rebuilt(behind) %}
    {#- `behind`, with watermark 0 for the indicators whose days must all be judged again. -#}
    {%- set rebuilt = rebuilt_indicators() -%}
    {%- set all_behind = [] -%}
    {%- for indicator in rebuilt -%}{%- do all_behind.append([indicator, 0]) -%}{%- endfor -%}
    {%- for indicator, watermark in behind if indicator not in rebuilt -%}{%- do all_behind.append([indicator, watermark]) -%}{%- endfor -%}
    {{ return(all_behind) }}
{% endmacro %}

{% macro delete_days_to_rebuild(table) %}
    {#- Pre-hook: delete what was judged under an earlier registration. -#}
    {%- if execute and is_incremental() -%}
        {%- set rebuilt = rebuilt_indicators() -%}
        {%- if rebuilt -%}
            delete from {{ table }} where indicator_id in ({{ rebuilt | join(', ') }})
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{% macro write_judgement_log() %}
    {#- Post-hook of the last of the models. -#}
    {%- set newest %}
    insert into {{ judgement_log() }} (indicator_id, rebuilt_at_utc)
    select
        indicator_id,
        rebuilt_at_utc
    from {{ version_log() }}
    {%- endset -%}
    {{ one_by_one(['delete from ' ~ judgement_log(), newest]) if execute }}
{% endmacro %}

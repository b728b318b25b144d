{#- Which areas a response was asked for, and since when an area is asked for: for due_days.sql and daily_measures.sql. -#}

{% macro asks_for_area(asked, geo_id) %}
    {#- The condition that a response asked for an area: its address names the area, or none, which means all. -#}
    ({{ asked }}.asked_areas is null or {{ asked }}.asked_areas like concat('%,', {{ geo_id }}, ',%'))
{%- endmacro %}

{% macro asked_areas_of_responses() %}
{#- CTEs. The last, asked_areas: one row is one registered area that a response was asked for. The address of a response says
    which; the areas of an indicator registered with `all` are learned from its values. A window without any value is missing
    in every area that was known by then. What later responses bring changes neither. -#}
responses_of_all_areas as (
    select
        staged.response_id,
        staged.indicator_id,
        staged.window_start_utc,
        staged.window_end_utc
    from {{ ref('stg_esios__indicator_responses') }} as staged
    inner join {{ ref('esios_indicators') }} as registered
        on staged.indicator_id = registered.id
    where registered.has_all_areas = 1
),

areas_with_values as (
    select distinct
        asked.response_id,
        known.geo_id
    from responses_of_all_areas as asked
    inner join {{ ref('esios_value_versions') }} as known
        on asked.indicator_id = known.indicator_id
            and asked.response_id >= known.response_id
            and asked.window_start_utc <= known.period_start_utc
            and asked.window_end_utc > known.period_start_utc
),

areas_of_empty_windows as (
    select distinct
        asked.response_id,
        known.geo_id
    from responses_of_all_areas as asked
    inner join {{ ref('esios_value_versions') }} as known
        on asked.indicator_id = known.indicator_id
            and asked.response_id > known.response_id
    where not exists (
            select 1
            from areas_with_values
            where asked.response_id = areas_with_values.response_id
        )
),

asked_areas as (
    select
        staged.response_id,
        staged.indicator_id,
        areas.geo_id,
        staged.window_start_utc,
        staged.window_end_utc
    from {{ ref('stg_esios__indicator_responses') }} as staged
    inner join {{ ref('esios_indicator_areas') }} as areas
        on staged.indicator_id = areas.indicator_id
    where {{ asks_for_area('staged', 'areas.geo_id') }}
    union all
    select
        asked.response_id,
        asked.indicator_id,
        areas_with_values.geo_id,
        asked.window_start_utc,
        asked.window_end_utc
    from responses_of_all_areas as asked
    inner join areas_with_values
        on asked.response_id = areas_with_values.response_id
    union all
    select
        asked.response_id,
        asked.indicator_id,
        areas_of_empty_windows.geo_id,
        asked.window_start_utc,
        asked.window_end_utc
    from responses_of_all_areas as asked
    inner join areas_of_empty_windows
        on asked.response_id = areas_of_empty_windows.response_id
)
{%- endmacro %}

{% macro areas_of_questions(questions) %}
    {#- The areas that each window was asked for: those of its responses (asked_areas); all that are listed if it has no
        response, as after a check that another program wrote. -#}
    select
        asked_areas.indicator_id,
        asked_areas.geo_id,
        asked_areas.window_start_utc,
        asked_areas.window_end_utc
    from asked_areas
    union
    select
        asked.indicator_id,
        areas.geo_id,
        asked.window_start_utc,
        asked.window_end_utc
    from {{ questions }} as asked
    inner join {{ ref('esios_indicator_areas') }} as areas
        on asked.indicator_id = areas.indicator_id
    where not exists (
            select 1
            from {{ ref('stg_esios__indicator_responses') }} as staged
            where staged.indicator_id = asked.indicator_id
                and staged.window_start_utc = asked.window_start_utc
                and staged.window_end_utc = asked.window_end_utc
        )
{% endmacro %}

{% macro first_landings() %}
    {#- One row is one registered area: the Madrid day in which it was first asked for; geo_id null: every area of an
        indicator that has all. Values of earlier days came by a backfill. -#}
    select
        areas.indicator_id,
        areas.geo_id,
        {{ day_of(to_madrid('min(responses.extracted_at_utc)')) }} as first_landing_day
    from (
        select
            indicator_id,
            geo_id
        from {{ ref('esios_indicator_areas') }}
        union all
        select
            id as indicator_id,
            null as geo_id
        from {{ ref('esios_indicators') }}
        where has_all_areas = 1
    ) as areas
    inner join {{ ref('stg_esios__indicator_responses') }} as responses
        on areas.indicator_id = responses.indicator_id
    where areas.geo_id is null
        or {{ asks_for_area('responses', 'areas.geo_id') }}
    group by areas.indicator_id, areas.geo_id
{% endmacro %}

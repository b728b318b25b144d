{% macro period_histories() %}
{#- CTEs. The last, period_histories: one row is one period of one area, its newest value (held at ±1e15), and what happened to
    it. From the versions. -#}
only_versions as (
    {#- Most periods have one version and need no order. #}
    select
        indicator_id,
        geo_id,
        period_start_utc,
        period_end_utc,
        0 as revisions,
        responses,
        {{ held('value') }} as value,
        confirmed_response_id,
        last_response_id,
        known_from_utc as first_landed_at_utc,
        response_id as first_response_id,
        cast(null as {{ type_instant() }}) as last_revised_at_utc,
        cast(null as {{ type_number() }}) as largest_revision
    from {{ ref('esios_value_versions') }}
    where version = 1
        and known_until_utc is null
),

versions_in_order as (
    select
        indicator_id,
        geo_id,
        period_start_utc,
        period_end_utc,
        version,
        known_from_utc,
        known_until_utc,
        response_id,
        confirmed_response_id,
        responses,
        last_response_id,
        {{ held('value') }} as value,
        lag({{ held('value') }}) over (partition by indicator_id, geo_id, period_start_utc order by version) as value_before
    from {{ ref('esios_value_versions') }}
    where version > 1
        or known_until_utc is not null
),

revised_periods as (
    select
        indicator_id,
        geo_id,
        period_start_utc,
        max(period_end_utc) as period_end_utc,
        count(*) - 1 as revisions,
        sum(responses) as responses,
        max(case when known_until_utc is null then value end) as value,
        max(case when known_until_utc is null then confirmed_response_id end) as confirmed_response_id,
        max(last_response_id) as last_response_id,
        min(known_from_utc) as first_landed_at_utc,
        max(case when version = 1 then response_id end) as first_response_id,
        max(case when version > 1 then known_from_utc end) as last_revised_at_utc,
        max(abs(value - value_before)) as largest_revision
    from versions_in_order
    group by indicator_id, geo_id, period_start_utc
),

all_histories as (
    select *
    from only_versions
    union all
    select *
    from revised_periods
),

period_histories as (
    select
        indicator_id,
        geo_id,
        period_start_utc,
        period_end_utc,
        cast(revisions as {{ type_whole() }}) as revisions,
        cast(responses as {{ type_whole() }}) as responses,
        value,
        confirmed_response_id,
        last_response_id,
        first_landed_at_utc,
        first_response_id,
        last_revised_at_utc,
        largest_revision
    from all_histories
)
{%- endmacro %}

{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['indicator_id', 'geo_id', 'period_start_utc'],
    on_schema_change='append_new_columns',
    indexes=clustered_on(['indicator_id', 'geo_id', 'period_start_utc', 'version'], unique=true)
    + indexed_on(['indicator_id', 'last_response_id'], included=['known_until_utc']),
    pre_hook=['{{ create_version_log() }}', '{{ delete_versions_to_rebuild(this) }}'],
    post_hook='{{ write_version_log() }}'
) }}

{#- Work in proportion to what is new: the periods that new responses touch, and of those every response, so that one
    committed late finds its place among the others. -#}
{%- set behind = versions_behind(this) if is_incremental() else none -%}
with touched_periods as (
    {{ touched_periods(behind) }}
),

values_that_count as (
    {{ counted_values('touched_periods') }}
),

values_in_order as (
    select
        *,
        lag(value) over (
            partition by indicator_id, geo_id, period_start_utc
            order by extracted_at_utc
        ) as value_before,
        lead(value) over (
            partition by indicator_id, geo_id, period_start_utc
            order by extracted_at_utc
        ) as value_after
    from values_that_count
),

values_by_version as (
    select
        *,
        case when value = value_before then null else response_id end as first_response_id,
        case when value = value_after then null else response_id end as confirmed_response_id,
        sum(case when value = value_before then 0 else 1 end) over (
            partition by indicator_id, geo_id, period_start_utc
            order by extracted_at_utc
            rows between unbounded preceding and current row
        ) as version
    from values_in_order
),

versions as (
    select
        indicator_id,
        geo_id,
        period_start_utc,
        version,
        max(period_end_utc) as period_end_utc,
        max(value) as value,
        min(extracted_at_utc) as known_from_utc,
        max(first_response_id) as response_id,
        max(confirmed_response_id) as confirmed_response_id,
        count(*) as responses,
        max(last_response_id) as last_response_id
    from values_by_version
    group by indicator_id, geo_id, period_start_utc, version
),

versions_in_order as (
    select
        versions.*,
        registered.sealed_days_before,
        registered.sealed_clock_seconds,
        {{ day_of(to_madrid('versions.period_start_utc')) }} as madrid_day,
        lead(versions.known_from_utc) over (
            partition by versions.indicator_id, versions.geo_id, versions.period_start_utc
            order by versions.version
        ) as known_until_utc
    from versions
    inner join {{ ref('esios_indicators') }} as registered
        on versions.indicator_id = registered.id
),

sealed_versions as (
    select
        *,
        case
            when sealed_clock_seconds is not null
                then {{ madrid_clock(add_days('madrid_day', '-sealed_days_before'), 'sealed_clock_seconds') }}
        end as sealed_at_utc,
        {{ hours_between('known_from_utc', 'period_start_utc') }} as lead_hours
    from versions_in_order
)

select
    indicator_id,
    geo_id,
    cast(period_start_utc as {{ type_instant() }}) as period_start_utc,
    cast(period_end_utc as {{ type_instant() }}) as period_end_utc,
    cast(version as {{ type_whole() }}) as version,
    value,
    known_from_utc,
    known_until_utc,
    cast(sealed_at_utc as {{ type_instant() }}) as sealed_at_utc,
    response_id,
    cast(lead_hours as {{ type_number() }}) as lead_hours,
    confirmed_response_id,
    cast(responses as {{ type_whole() }}) as responses,
    last_response_id
from sealed_versions

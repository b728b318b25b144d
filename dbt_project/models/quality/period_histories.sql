{{ config(materialized=step()) }}

with versions_in_order as (
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
)

select
    indicator_id,
    geo_id,
    period_start_utc,
    cast(count(*) - 1 as {{ type_whole() }}) as revisions,
    cast(sum(responses) as {{ type_whole() }}) as responses,
    max(period_end_utc) as period_end_utc,
    max(case when known_until_utc is null then value end) as value,
    max(case when known_until_utc is null then confirmed_response_id end) as confirmed_response_id,
    max(last_response_id) as last_response_id,
    min(known_from_utc) as first_landed_at_utc,
    max(case when version = 1 then response_id end) as first_response_id,
    max(case when version > 1 then known_from_utc end) as last_revised_at_utc,
    max(abs(value - value_before)) as largest_revision
from versions_in_order
group by indicator_id, geo_id, period_start_utc

{{ config(partition_by=in_parts_by_month('period_start_utc'), meta={'kept': {
    'rows_of': 'esios_value_versions',
    'counter': 'last_response_id',
    'labels': {
        'esios_indicators': 'id, name, unit',
        'stg_esios__indicator_names': 'indicator_id, indicator_name',
        'stg_esios__areas': 'geo_id, geo_name'
    }
}}) }}

with newest_versions as (
    select
        versions.indicator_id,
        versions.geo_id,
        versions.period_start_utc,
        versions.period_end_utc,
        versions.value,
        versions.known_from_utc,
        responses.values_updated_at_utc as published_at_utc,
        registered.unit,
        areas.geo_name,
        coalesce(names.indicator_name, registered.name) as name
    from {{ ref('esios_value_versions') }} as versions
    inner join {{ ref('stg_esios__indicator_responses') }} as responses
        on versions.confirmed_response_id = responses.response_id
    left join {{ ref('esios_indicators') }} as registered
        on versions.indicator_id = registered.id
    left join {{ ref('stg_esios__indicator_names') }} as names
        on versions.indicator_id = names.indicator_id
    left join {{ ref('stg_esios__areas') }} as areas
        on versions.geo_id = areas.geo_id
    where versions.known_until_utc is null
)

select
    indicator_id,
    name,
    geo_id,
    geo_name,
    period_start_utc,
    period_end_utc,
    value,
    unit,
    known_from_utc,
    published_at_utc
from newest_versions

{{ config(
    partition_by=in_parts_by_month('period_start_utc'),
    meta={'kept': {'rows_of': 'esios_value_versions', 'counter': 'last_response_id'}}
) }}

with {{ period_histories() }}

select
    histories.indicator_id,
    histories.geo_id,
    histories.period_start_utc,
    histories.value,
    ahead.value as value_ahead,
    firsts.values_updated_at_utc as first_published_at_utc,
    histories.first_landed_at_utc,
    histories.responses,
    histories.revisions,
    histories.largest_revision,
    histories.last_revised_at_utc,
    histories.last_response_id,
    {{ to_madrid('histories.period_start_utc') }} as datetime_local,
    {{ day_of(to_madrid('histories.period_start_utc')) }} as madrid_day
from period_histories as histories
inner join {{ ref('stg_esios__indicator_responses') }} as firsts
    on histories.first_response_id = firsts.response_id
left join {{ ref('esios_value_versions') }} as ahead
    on {{ same('histories', 'ahead', ['indicator_id', 'geo_id', 'period_start_utc']) }}
        and ahead.known_from_utc < ahead.period_start_utc
        and (ahead.known_until_utc is null or ahead.known_until_utc >= ahead.period_start_utc)

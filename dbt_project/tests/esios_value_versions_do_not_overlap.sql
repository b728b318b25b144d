{#- Error: at each instant one value was known of a period. A version ends when the next one begins, and after it began. -#}
select
    earlier.indicator_id,
    earlier.geo_id,
    earlier.period_start_utc,
    earlier.version,
    earlier.known_from_utc,
    earlier.known_until_utc,
    later.known_from_utc as next_known_from_utc
from {{ ref('esios_value_versions') }} as earlier
left join {{ ref('esios_value_versions') }} as later
    on earlier.indicator_id = later.indicator_id
        and earlier.geo_id = later.geo_id
        and earlier.period_start_utc = later.period_start_utc
        and earlier.version = later.version - 1
        and later.version > 1
where earlier.known_until_utc <= earlier.known_from_utc
    or earlier.known_until_utc <> later.known_from_utc
    or (earlier.known_until_utc is null and later.known_from_utc is not null)
    or (earlier.known_until_utc is not null and later.known_from_utc is null)

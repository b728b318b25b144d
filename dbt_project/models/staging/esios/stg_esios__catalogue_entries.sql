with source as (
    select
        indicator_id,
        name,
        short_name,
        description,
        fetched_at_utc
    from {{ source('raw_esios', 'catalogue_entries') }}
),

newest_fetch as (
    select max(fetched_at_utc) as fetched_at_utc
    from source
)

select
    source.indicator_id,
    source.name,
    source.short_name,
    source.description,
    source.fetched_at_utc,
    case when source.fetched_at_utc = newest_fetch.fetched_at_utc then 1 else 0 end as is_offered
from source
cross join newest_fetch

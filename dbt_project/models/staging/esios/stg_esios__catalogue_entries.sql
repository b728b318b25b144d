{#- Version 1.0 had no catalogue: until the next command that fetches makes the table, there is nothing in it. -#}
{%- set landed = source('raw_esios', 'catalogue_entries') -%}
{%- set is_missing = execute and var('assume_incremental') is none and load_relation(landed) is none -%}
{%- set nothing -%}
    (
        select
            cast(null as {{ type_whole() }}) as indicator_id,
            cast(null as {{ type_text(1000) }}) as name,
            cast(null as {{ type_text(1000) }}) as short_name,
            cast(null as {{ type_text(1000) }}) as description,
            cast(null as {{ type_instant() }}) as fetched_at_utc
        where 1 = 0
    ) as nothing
{%- endset -%}
with source as (
    select
        indicator_id,
        name,
        short_name,
        description,
        fetched_at_utc
    from {{ nothing if is_missing else landed }}
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

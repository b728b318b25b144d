{{ config(
    materialized='incremental',
    incremental_strategy=replacing_by_key(),
    unique_key=['indicator_id', 'geo_id', 'period_start_utc'],
    on_schema_change='append_new_columns',
    partition_by=in_parts_by_month('period_start_utc'),
    liquid_clustered_by=['indicator_id', 'period_start_utc'],
    indexes=clustered_on(['indicator_id', 'geo_id', 'period_start_utc', 'version'], unique=true)
    + indexed_on(['indicator_id', 'last_response_id'], included=['known_until_utc']),
    pre_hook=['{{ create_version_log() }}', '{{ delete_versions_to_rebuild(this) }}'],
    post_hook='{{ write_version_log() }}',
    meta={'slices': {'rows_of': 'stg_esios__response_entries', 'time': 'period_start_utc'}}
) }}

{#- Work in proportion to what is new: only the periods that new responses touch. All responses of these are read, so that
    one committed late finds its place among the others. -#}
{%- set behind = versions_behind(this) if is_incremental() else none -%}
{%- if behind is not none -%}
    {%- set touched -%}
        select
            indicator_id,
            period_start_utc as start_utc,
            period_start_utc as end_utc
        from ({{ touched_periods(behind) }}) as touched
        where period_start_utc is not null
    {%- endset -%}
    {%- set days = days_near(touched, 1) -%}
{%- endif -%}
{%- set in_order = 'partition by indicator_id, geo_id, period_start_utc order by extracted_at_utc' -%}
{%- set madrid_day = day_of(to_madrid('versions.period_start_utc')) -%}
with {% if behind is not none %}
touched_periods as (
    {{ touched_periods(behind) }}
),

{% else %}
lone_responses_apart as (
    {{ lone_responses_apart() }}
),

{% endif %}
values_that_count as (
    {{ counted_values('touched_periods', days) if behind is not none else counted_values(apart='lone_responses_apart') }}
),

only_versions as (
    {#- Most periods come once, in a backfill: they have one version and need no order. #}
    select
        indicator_id,
        geo_id,
        period_start_utc,
        period_end_utc,
        value,
        1 as version,
        1 as responses,
        response_id,
        response_id as confirmed_response_id,
        last_response_id,
        extracted_at_utc as known_from_utc,
        cast(null as {{ type_instant() }}) as known_until_utc
    from values_that_count
    where times_said = 1
    {% if behind is none %}
    union all
    select
        entries.indicator_id,
        entries.geo_id,
        entries.period_start_utc,
        entries.period_end_utc,
        entries.value,
        1 as version,
        1 as responses,
        entries.response_id,
        entries.response_id as confirmed_response_id,
        entries.response_id as last_response_id,
        entries.extracted_at_utc as known_from_utc,
        cast(null as {{ type_instant() }}) as known_until_utc
    from lone_responses_apart as apart
    inner join {{ ref('stg_esios__indicator_values') }} as entries
        on apart.response_id = entries.response_id
    where apart.is_lone = 1
        and {{ in_slice('entries.period_start_utc', type_instant()) }}
    {% endif %}
),

values_in_order as (
    select
        indicator_id,
        geo_id,
        period_start_utc,
        period_end_utc,
        value,
        response_id,
        last_response_id,
        extracted_at_utc,
        row_number() over ({{ in_order }}) as place,
        lag(value) over ({{ in_order }}) as value_before,
        lag(response_id) over ({{ in_order }}) as response_id_before,
        count(*) over ({{ in_order }} rows between unbounded preceding and unbounded following) as places,
        last_value(response_id) over ({{ in_order }} rows between unbounded preceding and unbounded following) as newest_response_id
    from values_that_count
    where times_said > 1
),

ordered_versions as (
    {#- A version lasts until a response brings another value: the one before that is the last to confirm it. #}
    select
        indicator_id,
        geo_id,
        period_start_utc,
        period_end_utc,
        value,
        row_number() over ({{ in_order }}) as version,
        coalesce(lead(place) over ({{ in_order }}), places + 1) - place as responses,
        response_id,
        coalesce(lead(response_id_before) over ({{ in_order }}), newest_response_id) as confirmed_response_id,
        last_response_id,
        extracted_at_utc as known_from_utc,
        lead(extracted_at_utc) over ({{ in_order }}) as known_until_utc
    from values_in_order
    where place = 1
        or value <> value_before
),

versions as (
    select *
    from only_versions
    union all
    select *
    from ordered_versions
),

sealed_versions as (
    select
        versions.*,
        case
            when registered.sealed_clock_seconds is not null
                then {{ madrid_clock(add_days(madrid_day, '-registered.sealed_days_before'), 'registered.sealed_clock_seconds') }}
        end as sealed_at_utc,
        {{ hours_between('versions.known_from_utc', 'versions.period_start_utc') }} as lead_hours
    from versions
    inner join {{ ref('esios_indicators') }} as registered
        on versions.indicator_id = registered.id
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

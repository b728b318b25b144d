{#- A block is four weeks from a Monday on; its window, the four weeks that end with the last day of it that has values. So
    the newest window is whole, no other changes with the next day, and a value has a part in the windows of the next 27 days
    and of a year later alone. Ten bins of the reference's deciles. -#}
{%- set first_monday = "cast('1900-01-01' as date)" -%}
{%- set window_days = 28 -%}
{#- 364 days: the same days of the week. -#}
{%- set blocks_apart = 13 -%}
{#- From a value to the end of the last block whose window it has a part in: a window and a block, a year later. -#}
{%- set reach_days = window_days * (blocks_apart + 2) - 2 -%}
{#- A quarter of a window is the least that has a distribution. No value of so many is near two deciles. -#}
{%- set values_least = 168 -%}
{{ config(meta={'kept': {
    'rows_of': 'esios_value_versions',
    'counter': 'last_response_id',
    'key': ['indicator_id', 'block_last_day'],
    'time': 'block_last_day',
    'reach_days': reach_days,
    'slices_of': 'indicator_id'
}}) }}

with newest_values as (
    select
        versions.indicator_id,
        {{ day_of(to_madrid('versions.period_start_utc')) }} as madrid_day,
        {{ held('versions.value') }} as value
    from {{ ref('esios_value_versions') }} as versions
    inner join {{ ref('esios_indicator_areas') }} as areas
        on versions.indicator_id = areas.indicator_id
            and versions.geo_id = areas.geo_id
    where versions.known_until_utc is null
        and areas.place = 1
        and {{ in_slice('versions.period_start_utc', type_instant(), reach_days) }}
        and {{ in_slice_of_indicators('versions.indicator_id') }}
),

values_by_block as (
    select
        *,
        cast(floor({{ days_from_to(first_monday, 'madrid_day') }} / {{ window_days }}e0) as {{ type_whole() }}) as block
    from newest_values
){{ written_once('values_by_block') }},

blocks as (
    select
        indicator_id,
        block,
        cast({{ add_days(first_monday, '(' ~ window_days ~ ' * (block + 1) - 1)') }} as date) as block_last_day,
        max(madrid_day) as window_last_day
    from values_by_block
    group by indicator_id, block
),

windows as (
    {#- What a row compares, the window and its reference, each out of two blocks. #}
    select
        blocks.*,
        sides.is_reference,
        blocks.block - sides.blocks_back as block_read,
        {{ add_days('blocks.window_last_day', '-sides.days_back - ' ~ (window_days - 1)) }} as first_day,
        {{ add_days('blocks.window_last_day', '-sides.days_back') }} as last_day
    from blocks
    cross join (
        values
        (0, 0, 0),
        (0, 1, 0),
        (1, {{ blocks_apart }}, {{ blocks_apart * window_days }}),
        (1, {{ blocks_apart + 1 }}, {{ blocks_apart * window_days }})
    ) as sides (is_reference, blocks_back, days_back)
    where {{ in_slice('blocks.block_last_day', 'date') }}
),

window_values as (
    {#- The small side first: Sail (0.7) holds that one, and does not know how small it is. #}
    select
        windows.indicator_id,
        windows.block,
        windows.block_last_day,
        windows.window_last_day,
        windows.is_reference,
        by_block.value
    from windows
    inner join values_by_block as by_block
        on windows.indicator_id = by_block.indicator_id
            and windows.block_read = by_block.block
            and windows.first_day <= by_block.madrid_day
            and windows.last_day >= by_block.madrid_day
),

ranked_values as (
    select
        indicator_id,
        block,
        value,
        row_number() over (partition by indicator_id, block order by value) as place,
        count(*) over (partition by indicator_id, block) as values_there
    from window_values
    where is_reference = 1
),

values_near_deciles as (
    select
        *,
        cast(floor((place - 1) * 10e0 / (values_there - 1) + 0.5e0) as {{ type_whole() }}) as decile
    from ranked_values
    where values_there >= {{ values_least }}
),

decile_parts as (
    select
        indicator_id,
        block,
        decile,
        {#- Linear interpolation between the two values around decile * (n - 1) / 10. #}
        value * (1 - abs(place - 1 - decile * (values_there - 1) / 10e0)) as part
    from values_near_deciles
    where abs(place - 1 - decile * (values_there - 1) / 10e0) < 1
),

edges as (
    {#- Zeros where there is nothing to compare with. #}
    select
        blocks.indicator_id,
        blocks.block,
        {{ decile_edges('decile_parts') }}
    from blocks
    left join decile_parts
        on blocks.indicator_id = decile_parts.indicator_id
            and blocks.block = decile_parts.block
    group by blocks.indicator_id, blocks.block
),

binned_values as (
    select
        window_values.*,
        {{ bin_of('window_values.value', 'edges') }} as bin
    from edges
    inner join window_values
        on edges.indicator_id = window_values.indicator_id
            and edges.block = window_values.block
),

values_in_bins as (
    select
        indicator_id,
        block_last_day,
        window_last_day,
        is_reference,
        bin,
        count(*) as values_in_bin
    from binned_values
    group by indicator_id, block_last_day, window_last_day, is_reference, bin
),

counted_bins as (
    select
        indicator_id,
        block_last_day,
        window_last_day,
        sum(case when is_reference = 0 then values_in_bin else 0 end) as values_there,
        sum(case when is_reference = 1 then values_in_bin else 0 end) as reference_values,
        {{ bin_counts() }}
    from values_in_bins
    group by indicator_id, block_last_day, window_last_day
),

shares as (
    select
        indicator_id,
        block_last_day,
        window_last_day,
        values_there,
        reference_values,
        {{ bin_shares() }}
    from counted_bins
),

indices as (
    {#- A window that cannot be compared keeps a row, which replaces its earlier one. #}
    select
        *,
        case
            when values_there >= {{ values_least }} and reference_values >= {{ values_least }} then {{ stability_index() }}
        end as psi
    from shares
)

select
    indicator_id,
    block_last_day,
    cast({{ add_days('window_last_day', 1 - window_days) }} as date) as window_first_day,
    window_last_day,
    cast({{ add_days('window_last_day', 1 - window_days * (blocks_apart + 1)) }} as date) as reference_first_day,
    cast({{ add_days('window_last_day', - window_days * blocks_apart) }} as date) as reference_last_day,
    cast(values_there as {{ type_whole() }}) as values_there,
    cast(reference_values as {{ type_whole() }}) as reference_values,
    cast(psi as {{ type_number() }}) as psi,
    cast(
        case when psi > 0.25e0 then 'alert' when psi > 0.1e0 then 'warn' when psi is not null then 'ok' end as {{ type_code(10) }}
    ) as drift_level
from indices

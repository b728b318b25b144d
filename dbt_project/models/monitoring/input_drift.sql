{#- Four weeks against the same four weeks a year before (364 days: the same days of the week), counted back from the
    newest day, so that the newest window is always whole. Ten bins of the reference's deciles. -#}
{%- set window_days = 28 -%}
{%- set windows_apart = 13 -%}
{%- set values_least = 168 -%}
{%- set days_back = days_from_to(day_of(to_madrid('newest.period_start_utc')), 'newest_days.newest_day') -%}

with newest_values as (
    select
        versions.indicator_id,
        versions.period_start_utc,
        {{ held('versions.value') }} as value
    from {{ ref('esios_value_versions') }} as versions
    inner join {{ ref('esios_indicator_areas') }} as areas
        on versions.indicator_id = areas.indicator_id
            and versions.geo_id = areas.geo_id
    where versions.known_until_utc is null
        and areas.place = 1
),

newest_days as (
    select
        indicator_id,
        {{ day_of(to_madrid('max(period_start_utc)')) }} as newest_day
    from newest_values
    group by indicator_id
),

windowed_values as (
    select
        newest.indicator_id,
        newest.period_start_utc,
        newest.value,
        newest_days.newest_day,
        cast(floor({{ days_back }} / {{ window_days }}e0) as {{ type_whole() }}) as window_number
    from newest_values as newest
    inner join newest_days
        on newest.indicator_id = newest_days.indicator_id
){{ written_once('windowed_values') }},

ranked_values as (
    select
        indicator_id,
        window_number,
        value,
        row_number() over (partition by indicator_id, window_number order by value, period_start_utc) as place,
        count(*) over (partition by indicator_id, window_number) as values_there
    from windowed_values
),

values_near_deciles as (
    select
        *,
        cast(floor((place - 1) * 10e0 / (values_there - 1) + 0.5) as {{ type_whole() }}) as decile
    from ranked_values
    {#- A quarter of a window is the least that has a distribution. No value of so many is near two deciles. #}
    where values_there >= {{ values_least }}
),

decile_parts as (
    select
        indicator_id,
        window_number,
        values_there,
        decile,
        {#- Linear interpolation between the two values around decile * (n - 1) / 10. #}
        value * (1 - abs(place - 1 - decile * (values_there - 1) / 10e0)) as part
    from values_near_deciles
    where abs(place - 1 - decile * (values_there - 1) / 10e0) < 1
),

edges as (
    select
        indicator_id,
        window_number,
        max(values_there) as values_there,
        {{ decile_edges() }}
    from decile_parts
    group by indicator_id, window_number
),

windows_to_count as (
    {#- By the edges of a window are counted its own values, the reference, and those of the window a year later. #}
    select
        edges.*,
        sides.is_reference,
        edges.window_number - sides.windows_back as counted_window
    from edges
    cross join (values (0, {{ windows_apart }}), (1, 0)) as sides (is_reference, windows_back)
    where edges.window_number >= {{ windows_apart }}
),

binned_values as (
    {#- The small side first: Sail (0.7) holds that one, and does not know how small it is. #}
    select
        to_count.indicator_id,
        windowed_values.newest_day,
        to_count.is_reference,
        to_count.window_number - {{ windows_apart }} as window_number,
        {{ bin_of('windowed_values.value', 'to_count') }} as bin
    from windows_to_count as to_count
    inner join windowed_values
        on to_count.indicator_id = windowed_values.indicator_id
            and to_count.counted_window = windowed_values.window_number
),

values_in_bins as (
    select
        indicator_id,
        window_number,
        is_reference,
        bin,
        max(newest_day) as newest_day,
        count(*) as values_in_bin
    from binned_values
    group by indicator_id, window_number, is_reference, bin
),

counted_bins as (
    select
        indicator_id,
        window_number,
        max(newest_day) as newest_day,
        sum(case when is_reference = 0 then values_in_bin else 0 end) as values_there,
        sum(case when is_reference = 1 then values_in_bin else 0 end) as reference_values,
        {{ bin_counts() }}
    from values_in_bins
    group by indicator_id, window_number
),

shares as (
    select
        indicator_id,
        window_number,
        newest_day,
        values_there,
        reference_values,
        {{ bin_shares() }}
    from counted_bins
    where values_there >= {{ values_least }}
        and reference_values >= {{ values_least }}
),

indices as (
    select
        indicator_id,
        window_number,
        newest_day,
        values_there,
        reference_values,
        {{ stability_index() }} as psi
    from shares
),

numbered_days as (
    select
        indicator_id,
        newest_day,
        values_there,
        reference_values,
        psi,
        {{ window_days }} * window_number as days_back,
        {{ window_days }} * (window_number + {{ windows_apart }}) as reference_days_back
    from indices
)

select
    indicator_id,
    cast({{ add_days('newest_day', '-days_back - ' ~ (window_days - 1)) }} as date) as window_first_day,
    cast({{ add_days('newest_day', '-days_back') }} as date) as window_last_day,
    cast({{ add_days('newest_day', '-reference_days_back - ' ~ (window_days - 1)) }} as date) as reference_first_day,
    cast({{ add_days('newest_day', '-reference_days_back') }} as date) as reference_last_day,
    cast(values_there as {{ type_whole() }}) as values_there,
    cast(reference_values as {{ type_whole() }}) as reference_values,
    cast(psi as {{ type_number() }}) as psi,
    cast(case when psi > 0.25 then 'alert' when psi > 0.1 then 'warn' else 'ok' end as {{ type_code(10) }}) as drift_level
from numbered_days

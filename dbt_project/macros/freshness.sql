{% macro last_check_of_series_kept_up_to_date() %}
    select coalesce(min(kept.last_checked_at_utc), {{ now_utc() }}) as last_loaded_at
    from (
        select
            series.indicator_id,
            max(checks.checked_at_utc) as last_checked_at_utc
        from {{ series_kept_up_to_date() }} as series
        inner join {{ source('raw_esios', 'window_checks') }} as checks
            on series.indicator_id = checks.indicator_id
        group by series.indicator_id
    ) as kept
{% endmacro %}

{% macro series_kept_up_to_date() %}
    {#- Every indicator that was ever asked for without an end. A later run for a historical span does not change that:
        it must not silence the alarm. A run without indicator_id was for several: it counts for each. -#}
    (
        select distinct asked.indicator_id
        from (select distinct indicator_id from {{ source('raw_esios', 'window_checks') }}) as asked
        inner join {{ source('raw_esios', 'extract_runs') }} as runs
            on asked.indicator_id = coalesce(runs.indicator_id, asked.indicator_id)
        where runs.requested_end is null
    )
{% endmacro %}

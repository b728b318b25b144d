{% macro last_check_of_series_kept_up_to_date() %}
    select coalesce(min(kept.last_checked_at_utc), {{ now_utc() }}) as last_loaded_at
    from (
        select
            newest.indicator_id,
            max(checks.checked_at_utc) as last_checked_at_utc
        from {{ newest_runs() }} as newest
        inner join {{ source('raw_esios', 'window_checks') }} as checks
            on newest.indicator_id = checks.indicator_id
        where newest.requested_end is null
        group by newest.indicator_id
    ) as kept
{% endmacro %}

{% macro newest_runs() %}
    {#- A run without indicator_id was for several: it counts for each indicator that was ever asked for. -#}
    (
        select
            asked.indicator_id,
            runs.requested_end
        from (select distinct indicator_id from {{ source('raw_esios', 'window_checks') }}) as asked
        inner join {{ source('raw_esios', 'extract_runs') }} as runs
            on asked.indicator_id = coalesce(runs.indicator_id, asked.indicator_id)
        where not exists (
            select 1
            from {{ source('raw_esios', 'extract_runs') }} as later
            where asked.indicator_id = coalesce(later.indicator_id, asked.indicator_id)
                and later.started_at_utc > runs.started_at_utc
        )
    )
{% endmacro %}

{% test is_recent(model, column, within_hours) %}
{#- Only where a series is kept up to date, which is what its newest run says; a historical span cannot be stale. -#}
select
    newest.indicator_id,
    max(published.{{ column }}) as newest_hour_utc
from {{ newest_runs() }} as newest
inner join {{ ref('esios_indicators') }} as registered
    on newest.indicator_id = registered.id
left join {{ model }} as published
    on newest.indicator_id = published.id
where newest.requested_end is null
    and registered.role = 'demand_forecast'
group by newest.indicator_id
having coalesce(max(published.{{ column }}), {{ add_hours(now_utc(), -87600) }})
    < {{ add_hours(now_utc(), '-1 - ' ~ within_hours) }}
{% endtest %}

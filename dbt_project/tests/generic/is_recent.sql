{% test is_recent(model, column, within_hours) %}
{#- Only where a series is followed, which a run without an end says; a historical span cannot be stale. -#}
select
    series.indicator_id,
    max(published.{{ column }}) as newest_hour_utc
from {{ series_kept_up_to_date() }} as series
inner join {{ ref('esios_indicators') }} as registered
    on series.indicator_id = registered.id
left join {{ model }} as published
    on series.indicator_id = published.id
where registered.role = 'demand_forecast'
group by series.indicator_id
having coalesce(max(published.{{ column }}), {{ add_hours(now_utc(), -87600) }})
    < {{ add_hours(now_utc(), '-1 - ' ~ within_hours) }}
{% endtest %}

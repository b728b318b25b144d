{% test has_every_staged_hour(model) %}
{#- Error: a staged hour that is not published is our own fault. Remedy: dbt run --vars 'republish: true'. -#}
select distinct
    staged.indicator_id,
    staged.period_start_utc
from {{ ref('stg_esios__indicator_values') }} as staged
inner join {{ ref('esios_indicators') }} as registered
    on staged.indicator_id = registered.id
left join {{ model }} as published
    on staged.indicator_id = published.id
        and staged.period_start_utc = published.datetime
where registered.role = 'demand_forecast'
    and published.id is null
{% endtest %}

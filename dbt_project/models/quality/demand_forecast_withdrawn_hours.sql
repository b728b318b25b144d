{#- Of each window only its newest answer can withdraw: the older ones are its history. A row that was in the table
    before dbt came from no answer and cannot be withdrawn. -#}
with answers_by_age as (
    select
        response_id,
        indicator_id,
        window_start_utc,
        window_end_utc,
        extracted_at_utc,
        row_number() over (
            partition by indicator_id, window_start_utc, window_end_utc
            order by extracted_at_utc desc, response_id desc
        ) as age
    from {{ ref('stg_esios__indicator_responses') }}
),

hours_not_confirmed as (
    select
        published.id,
        published.datetime,
        published.demand_forecast,
        newest.response_id,
        newest.extracted_at_utc
    from {{ ref('demand_forecast_esios') }} as published
    inner join answers_by_age as newest
        on published.id = newest.indicator_id
            and published.datetime >= newest.window_start_utc
            and published.datetime < newest.window_end_utc
    left join {{ ref('stg_esios__indicator_values') }} as answered
        on newest.response_id = answered.response_id
            and published.datetime = answered.period_start_utc
    where newest.age = 1
        and answered.response_id is null
),

last_good_answers as (
    select
        hours_not_confirmed.id,
        hours_not_confirmed.datetime,
        max(answered.extracted_at_utc) as last_good_extracted_at_utc
    from hours_not_confirmed
    inner join {{ ref('stg_esios__indicator_values') }} as answered
        on hours_not_confirmed.id = answered.indicator_id
            and hours_not_confirmed.datetime = answered.period_start_utc
    group by hours_not_confirmed.id, hours_not_confirmed.datetime
)

select
    hours_not_confirmed.id,
    hours_not_confirmed.datetime,
    hours_not_confirmed.demand_forecast,
    min(last_good_answers.last_good_extracted_at_utc) as last_good_extracted_at_utc,
    max(hours_not_confirmed.extracted_at_utc) as withdrawn_at_utc
from hours_not_confirmed
inner join last_good_answers
    on hours_not_confirmed.id = last_good_answers.id
        and hours_not_confirmed.datetime = last_good_answers.datetime
where hours_not_confirmed.extracted_at_utc > last_good_answers.last_good_extracted_at_utc
group by hours_not_confirmed.id, hours_not_confirmed.datetime, hours_not_confirmed.demand_forecast

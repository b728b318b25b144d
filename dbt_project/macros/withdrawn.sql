{% macro withdrawn_periods(periods) %}
    {#- Query of the periods that a later response for them leaves out, and since when. A request without their area says
        nothing of them. The few that were asked for again are found first, by their days, and grouped so that no engine joins
        in another order: each is compared with all responses of its indicator. -#}
    select
        asked_again.indicator_id,
        asked_again.geo_id,
        asked_again.period_start_utc,
        max(later.extracted_at_utc) as withdrawn_at_utc
    from (
        select
            periods.indicator_id,
            periods.geo_id,
            periods.period_start_utc,
            max(confirming.extracted_at_utc) as confirmed_at_utc
        from {{ periods }} as periods
        inner join {{ ref('due_days') }} as asked
            on {{ same_day('periods', 'asked') }}
        inner join {{ ref('stg_esios__indicator_responses') }} as confirming
            on periods.confirmed_response_id = confirming.response_id
                and asked.newest_extracted_at_utc > confirming.extracted_at_utc
        group by periods.indicator_id, periods.geo_id, periods.period_start_utc
    ) as asked_again
    inner join {{ ref('stg_esios__indicator_responses') }} as later
        on asked_again.indicator_id = later.indicator_id
            and asked_again.period_start_utc >= later.window_start_utc
            and asked_again.period_start_utc < later.window_end_utc
            and asked_again.confirmed_at_utc < later.extracted_at_utc
    where {{ asks_for_area('later', 'asked_again.geo_id') }}
    group by asked_again.indicator_id, asked_again.geo_id, asked_again.period_start_utc
{% endmacro %}

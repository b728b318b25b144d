{%- set due_from_now = add_hours('asked_at_utc', '-due_after_hours') -%}
with questions as (
    select
        indicator_id,
        window_start_utc,
        window_end_utc,
        extracted_at_utc as asked_at_utc
    from {{ ref('stg_esios__indicator_responses') }}
    union all
    select
        indicator_id,
        window_start_utc,
        window_end_utc,
        checked_at_utc as asked_at_utc
    from {{ source('raw_esios', 'window_checks') }}
),

last_questions as (
    select
        questions.indicator_id,
        questions.window_start_utc,
        questions.window_end_utc,
        max(registered.due_after_hours) as due_after_hours,
        max(questions.asked_at_utc) as asked_at_utc
    from questions
    inner join {{ ref('esios_indicators') }} as registered
        on questions.indicator_id = registered.id
    group by questions.indicator_id, questions.window_start_utc, questions.window_end_utc
),

due_until as (
    select
        indicator_id,
        window_start_utc,
        window_end_utc,
        case
            {#- A measured value is due some hours after its hour began. #}
            when due_after_hours is not null
                then {{ add_hours('window_start_utc', hours_from_to('window_start_utc', due_from_now) ~ ' + 1') }}
            else {{ from_madrid(midnight_of(add_hours(midnight_of(to_madrid('asked_at_utc')), 36))) }}
        end as due_until_utc
    from last_questions
)

select
    indicator_id,
    window_start_utc,
    {#- Of windows with the same start the longest holds the others: a series kept up to date has many. #}
    max(case when window_end_utc < due_until_utc then window_end_utc else due_until_utc end) as due_end_utc
from due_until
where window_start_utc < due_until_utc
group by indicator_id, window_start_utc

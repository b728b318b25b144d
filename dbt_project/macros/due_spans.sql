{% macro due_spans(questions) %}
    {#- The hours that must be there after `questions` (indicator_id, window_start_utc, window_end_utc, asked_at_utc): one
        row for each start of a window, to the end of what was due when it was last asked for. More questions never make
        less due. -#}
    {%- set due_from_now = add_hours('last_asked.asked_at_utc', '-last_asked.due_after_hours') %}
    select
        due_until.indicator_id,
        due_until.window_start_utc,
        {#- Of windows with the same start the longest holds the others: a series kept up to date has many. #}
        max(
            case
                when due_until.window_end_utc < due_until.due_until_utc then due_until.window_end_utc
                else due_until.due_until_utc
            end
        ) as due_end_utc
    from (
        select
            last_asked.indicator_id,
            last_asked.window_start_utc,
            last_asked.window_end_utc,
            case
                {#- A measured value is due some hours after its hour began. #}
                when last_asked.due_after_hours is not null
                    then {{ add_hours('last_asked.window_start_utc', hours_from_to('last_asked.window_start_utc', due_from_now) ~ ' + 1') }}
                else {{ from_madrid(midnight_of(add_hours(midnight_of(to_madrid('last_asked.asked_at_utc')), 36))) }}
            end as due_until_utc
        from (
            select
                asked.indicator_id,
                asked.window_start_utc,
                asked.window_end_utc,
                max(registered.due_after_hours) as due_after_hours,
                max(asked.asked_at_utc) as asked_at_utc
            from {{ questions }} as asked
            inner join {{ ref('esios_indicators') }} as registered
                on asked.indicator_id = registered.id
            group by asked.indicator_id, asked.window_start_utc, asked.window_end_utc
        ) as last_asked
    ) as due_until
    where due_until.window_start_utc < due_until.due_until_utc
    group by due_until.indicator_id, due_until.window_start_utc
{% endmacro %}

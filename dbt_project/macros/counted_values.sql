{% macro counted_values(touched=none, days=none, apart=none) %}
    {#- The values that count, one row a response: in order of extraction they are the history of a period. A response from
        outside its window counts only until one came whose window holds the period. `touched`: a relation with the
        (indicator_id, period_start_utc) to read, and the `days` of each indicator that hold them (see days_near); none for
        all. `apart`: a relation with (response_id, is_lone), whose lone responses are left out. One order for all windows, so
        that an engine sorts once. -#}
    {%- set period -%}
        partition by entries.indicator_id, entries.geo_id, entries.period_start_utc
        order by entries.extracted_at_utc, entries.is_in_window, entries.response_id
    {%- endset -%}
    {%- set all_of_period = period ~ ' rows between unbounded preceding and unbounded following' -%}
    select
        said.indicator_id,
        said.geo_id,
        said.period_start_utc,
        said.period_end_utc,
        said.response_id,
        said.extracted_at_utc,
        said.values_updated_at_utc,
        said.value,
        said.times_said,
        said.last_response_id
    from (
        select
            entries.indicator_id,
            entries.geo_id,
            entries.period_start_utc,
            entries.period_end_utc,
            entries.response_id,
            entries.extracted_at_utc,
            entries.values_updated_at_utc,
            entries.value,
            entries.is_in_window,
            lead(entries.extracted_at_utc) over ({{ period }}) as next_extracted_at_utc,
            min(case when entries.is_in_window = 1 then entries.extracted_at_utc end) over ({{ all_of_period }}) as first_in_window_at_utc,
            count(*) over ({{ all_of_period }}) as times_said,
            max(entries.response_id) over ({{ all_of_period }}) as last_response_id
        {#- The small side first: Sail (0.7) holds that one where it does not know how many rows there are. #}
        {% if touched is not none %}
        from {{ touched }} as touched
        inner join {{ ref('stg_esios__indicator_values') }} as entries
            on touched.indicator_id = entries.indicator_id
                and touched.period_start_utc = entries.period_start_utc
        {#- As literals: of a join an engine knows too late what it need not read. #}
        where {{ within_days('entries', 'period_start_utc', days, type_instant()) }}
        {% elif apart is none %}
        from {{ ref('stg_esios__indicator_values') }} as entries
        {% else %}
        from {{ apart }} as apart
        inner join {{ ref('stg_esios__indicator_values') }} as entries
            on apart.response_id = entries.response_id
        where apart.is_lone = 0
            and {{ in_slice('entries.period_start_utc', type_instant()) }}
        {% endif %}
    ) as said
    {#- A value that another response corrects at the same instant was never valid. #}
    where (said.next_extracted_at_utc is null or said.next_extracted_at_utc > said.extracted_at_utc)
        and (
            said.is_in_window = 1
            or said.first_in_window_at_utc is null
            or said.extracted_at_utc < said.first_in_window_at_utc
        )
{% endmacro %}

{% macro all_counted_values() %}
    {#- Those of all periods. Where they are written, and not only looked up, those of lone responses go without order. -#}
    {%- if not views_are_written() -%}{{ return(counted_values()) }}{%- endif -%}
    with lone_responses_apart as (
        {{ lone_responses_apart() }}
    )

    {{ counted_values(apart='lone_responses_apart') }}
    union all
    select
        entries.indicator_id,
        entries.geo_id,
        entries.period_start_utc,
        entries.period_end_utc,
        entries.response_id,
        entries.extracted_at_utc,
        entries.values_updated_at_utc,
        entries.value,
        1 as times_said,
        entries.response_id as last_response_id
    from lone_responses_apart as apart
    inner join {{ ref('stg_esios__indicator_values') }} as entries
        on apart.response_id = entries.response_id
    where apart.is_lone = 1
        and {{ in_slice('entries.period_start_utc', type_instant()) }}
{% endmacro %}

{% macro lone_responses_apart() %}
    {#- Query of (response_id, is_lone). Lone responses share no period with another and say each of theirs once, as in a
        backfill: their values need no order. Judged by the spans of their instants. An area that is not named may be any; and
        where an instant comes twice in a response, in two spellings, the steps from each to the next add up to more than the
        span. Of a slice of time, only steps within it count. -#}
    {%- set next_start = '(case when ' ~ in_slice('entries.next_start_utc', type_instant()) ~ ' then entries.next_start_utc end)' %}
    select
        spans.response_id,
        case
            when spans.is_unclear = 1 then 0
            when spans.last_before_utc >= spans.first_start_utc or spans.first_after_utc <= spans.last_start_utc then 0
            else 1
        end as is_lone
    from (
        select
            areas.response_id,
            max(areas.is_unclear) as is_unclear,
            min(areas.first_start_utc) as first_start_utc,
            max(areas.last_start_utc) as last_start_utc,
            max(max(areas.last_start_utc)) over (
                partition by areas.indicator_id
                order by min(areas.first_start_utc), areas.response_id
                rows between unbounded preceding and 1 preceding
            ) as last_before_utc,
            lead(min(areas.first_start_utc)) over (
                partition by areas.indicator_id
                order by min(areas.first_start_utc), areas.response_id
            ) as first_after_utc
        from (
            select
                entries.response_id,
                entries.indicator_id,
                entries.geo_id,
                min(entries.period_start_utc) as first_start_utc,
                max(entries.period_start_utc) as last_start_utc,
                case
                    when entries.geo_id is null then 1
                    when count(*) > count({{ next_start }}) + 1 then 1
                    when sum({{ hours_between('entries.period_start_utc', next_start) }})
                        > {{ hours_between('min(entries.period_start_utc)', 'max(entries.period_start_utc)') }} + 1e-3
                        then 1
                    else 0
                end as is_unclear
            from {{ ref('stg_esios__response_entries') }} as entries
            where entries.period_start_utc is not null
                and {{ in_slice('entries.period_start_utc', type_instant()) }}
            group by entries.response_id, entries.indicator_id, entries.geo_id
        ) as areas
        group by areas.response_id, areas.indicator_id
    ) as spans
{% endmacro %}

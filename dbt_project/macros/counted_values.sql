{% macro counted_values(touched=none) %}
    {#- The values that count, one row a response: in order of extraction they are the history of a period. A response from
        outside its window counts only until one came whose window holds the period. `touched`: a relation with the
        (indicator_id, period_start_utc) to read; none for all. One order for all windows, so that an engine sorts once. -#}
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
        from {{ ref('stg_esios__indicator_values') }} as entries
        {% if touched is not none %}
        inner join {{ touched }} as touched
            on entries.indicator_id = touched.indicator_id
                and entries.period_start_utc = touched.period_start_utc
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

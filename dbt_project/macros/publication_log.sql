{#- What the mart has published so far: per indicator the highest response_id. It is written in the mart's own
    transaction, after the rows, so that a run that dies in between publishes them again rather than never. -#}

{% macro publication_log() %}
    {{ return(api.Relation.create(
        database=target.database,
        schema=ref('stg_esios__response_values').schema,
        identifier='demand_forecast_publications',
        type='table'
    )) }}
{% endmacro %}

{% macro create_publication_log() %}
    {{ create_table_if_missing(
        publication_log(),
        'indicator_id ' ~ type_whole() ~ ' not null, response_id ' ~ type_counter() ~ ' not null, published_at_utc '
        ~ type_instant() ~ ' not null'
    ) }}
{% endmacro %}

{% macro last_published(mart) %}
    {#- Of `registered.id`, in the log. A table that was emptied or made anew by hand is filled from the first answer on,
        whatever the log says; so is one that is older than the log. -#}
    {%- if not execute or var('assume_incremental') is not none or load_relation(publication_log()) is not none -%}
    case
        when (select max(published.datetime) from {{ mart }} as published where published.id = registered.id) is not null
            then {{ highest_of_indicator(publication_log(), 'response_id') }}
    end
    {%- else -%}
    0
    {%- endif -%}
{% endmacro %}

{% macro write_publication_log() %}
    insert into {{ publication_log() }} (indicator_id, response_id, published_at_utc)
    select
        newest.indicator_id,
        newest.response_id,
        {{ now_utc() }} as published_at_utc
    from (
        select
            registered.id as indicator_id,
            {{ newest_value() }} as response_id,
            {{ highest_of_indicator(publication_log(), 'response_id') }} as last_response_id
        from {{ ref('esios_indicators') }} as registered
        where registered.role = 'demand_forecast'
    ) as newest
    where newest.response_id > coalesce(newest.last_response_id, 0)
{% endmacro %}

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

{% macro write_publication_log() %}
    insert into {{ publication_log() }} (indicator_id, response_id, published_at_utc)
    select
        staged.indicator_id,
        max(staged.response_id) as response_id,
        {{ now_utc() }} as published_at_utc
    from {{ ref('stg_esios__response_values') }} as staged
    inner join {{ ref('esios_indicators') }} as registered
        on staged.indicator_id = registered.id
    where registered.role = 'demand_forecast'
        and staged.response_id > coalesce((
            select max(logged.response_id)
            from {{ publication_log() }} as logged
            where logged.indicator_id = staged.indicator_id
        ), 0)
    group by staged.indicator_id
{% endmacro %}

{#- What the mart has published so far: per indicator up to which response. It is written in the mart's own transaction,
    after the rows, so that a run that dies in between publishes them again rather than never. -#}

{% macro publication_log() %}
    {{ return(own_table(ref('stg_esios__response_entries').schema, 'demand_forecast_publications')) }}
{% endmacro %}

{% macro create_publication_log() %}
    {{ create_table_if_missing(
        publication_log(),
        'indicator_id ' ~ type_whole() ~ ' not null, response_id ' ~ type_counter() ~ ' not null, published_at_utc '
        ~ type_instant() ~ ' not null'
    ) }}
{% endmacro %}

{% macro last_publications() %}
    {#- From-clause: what was published last of each indicator; nothing where the log is still to be made. -#}
    (
        select
            indicator_id,
            max(response_id) as response_id,
            max(published_at_utc) as published_at_utc
        from {{ publication_log() if load_relation(publication_log()) is not none else '(select 0 as indicator_id, 0 as response_id, ' ~ now_utc() ~ ' as published_at_utc) as nothing' }}
        group by indicator_id
    )
{% endmacro %}

{% macro forecasts_to_publish(mart) %}
    {#- (indicator, watermark, newest response) of each demand forecast with something to publish. The watermark is 0, and
        everything is published again, if the table was emptied or made again by hand or is older than the log, if the
        versions were rebuilt, or if the indicator has a new name. -#}
    {%- set registry, log_of_versions = ref('esios_indicators'), version_log() -%}
    {%- if not execute or var('assume_incremental') is not none -%}
        {{ return([[460, 0, 0]]) }}
    {%- endif -%}
    {%- set query %}
        select
            registered.id,
            built.response_id,
            case
                when published.published_at_utc >= built.rebuilt_at_utc
                    and (select max(here.datetime) from {{ mart }} as here where here.id = registered.id) is not null
                    then published.response_id
                else 0
            end as watermark
        from {{ registry }} as registered
        inner join {{ log_of_versions }} as built
            on registered.id = built.indicator_id
        left join {{ last_publications() }} as published
            on registered.id = published.indicator_id
        where registered.role = 'demand_forecast'
        order by registered.id
    {%- endset -%}
    {%- set due = [] -%}
    {%- for row in run_query(query).rows -%}
        {%- set indicator, newest, watermark = row[0] | int, row[1] | int, row[2] | int -%}
        {%- if watermark == 0 or is_renamed_since(indicator, watermark) -%}
            {%- do due.append([indicator, 0, newest]) -%}
        {%- elif newest > watermark -%}
            {%- do due.append([indicator, watermark, newest]) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(due) }}
{% endmacro %}

{% macro is_renamed_since(indicator, watermark) %}
    {#- Whether the newest response gives the indicator another name than the newest one up to the watermark. -#}
    {%- set query %}
        select count(*) as renamed
        from (
            select
                names_then.indicator_name,
                row_number() over (order by names_then.extracted_at_utc desc, names_then.response_id desc) as age
            from {{ ref('stg_esios__indicator_responses') }} as names_then
            where names_then.indicator_id = {{ indicator }}
                and names_then.response_id <= {{ watermark }}
                and names_then.indicator_name is not null
        ) as name_then
        inner join {{ ref('stg_esios__indicator_names') }} as name_now
            on name_now.indicator_id = {{ indicator }}
        where name_then.age = 1
            and name_then.indicator_name <> name_now.indicator_name
    {%- endset -%}
    {{ return(run_query(query).rows[0][0] | int > 0) }}
{% endmacro %}

{% macro write_publication_log(mart) %}
    {#- Post-hook: what was due has been published. -#}
    {{ rows_of_publication_log(forecasts_to_publish(mart)) }}
{% endmacro %}

{% macro rows_of_publication_log(published) %}
    {#- `published`: what forecasts_to_publish gave. Asks nothing, so that it can be rendered and linted on its own. -#}
    {%- for indicator, watermark, newest in published %}
    {{ 'insert into ' ~ publication_log() ~ ' (indicator_id, response_id, published_at_utc) values' if loop.first }}
    ({{ indicator }}, {{ newest }}, {{ now_utc() }}){{ ',' if not loop.last }}
    {%- endfor %}
{% endmacro %}

{#- How each model and test ended, run by run: append-only, so that quality has a history. -#}

{% macro dbt_results() %}
    {{ return(own_table('quality_esios', 'dbt_results')) }}
{% endmacro %}

{% macro create_dbt_results() %}
    {{ create_table_if_missing(
        dbt_results(),
        'invocation_id ' ~ type_code(64) ~ ' not null, command ' ~ type_code(20) ~ ' not null, run_started_at_utc '
        ~ type_instant() ~ ' not null, node_id ' ~ type_text(300) ~ ' not null, resource_type ' ~ type_code(20)
        ~ ' not null, name ' ~ type_text(250) ~ ' not null, status ' ~ type_code(20) ~ ' not null, failures '
        ~ type_whole() ~ ', execution_seconds ' ~ type_number() ~ ', message ' ~ type_text(400)
    ) }}
{% endmacro %}

{% macro write_dbt_results(results) %}
    {#- One batch of statements, so that the hook costs one round trip. Text for dbt to run: nothing is rendered again. -#}
    {%- if execute and results -%}
        {%- set run = [
            text_literal(invocation_id),
            text_literal((flags.WHICH or 'unknown') | string | truncate(20, true, '')),
            'cast(' ~ text_literal(run_started_at.strftime('%Y-%m-%d %H:%M:%S.%f')[:-3]) ~ ' as ' ~ type_instant() ~ ')'
        ] -%}
        {%- set rows = [] -%}
        {%- for result in results -%}
            {%- set reason = result.message if result.status | string not in ('success', 'pass') else none -%}
            {%- do rows.append(run + [
                text_literal(result.node.unique_id | string | truncate(300, true, '')),
                text_literal(result.node.resource_type | string | truncate(20, true, '')),
                text_literal(result.node.name | string | truncate(250, true, '')),
                text_literal(result.status | string | truncate(20, true, '')),
                result.failures if result.failures is number else 'null',
                result.execution_time | round(3) if result.execution_time is number else 'null',
                text_literal(reason | string | truncate(400, true, '')) if reason else 'null'
            ]) -%}
        {%- endfor -%}
        {%- set statements = [create_schema_if_missing('quality_esios'), create_dbt_results()] -%}
        {%- for some in rows | batch(500) -%}
            {%- set tuples = [] -%}
            {%- for row in some -%}{%- do tuples.append('(' ~ row | join(', ') ~ ')') -%}{%- endfor -%}
            {%- do statements.append(
                'insert into ' ~ dbt_results() ~ ' (invocation_id, command, run_started_at_utc, node_id, resource_type, '
                ~ 'name, status, failures, execution_seconds, message) values ' ~ tuples | join(', ')
            ) -%}
        {%- endfor -%}
        {{ forgiving(statements) }}
    {%- endif -%}
{% endmacro %}

{#- How far esios_value_versions has come: one row an indicator, up to which response and under which registration. Written
    in the table's own transaction, so that a run that dies in between does its work again rather than never. -#}

{% macro version_log() %}
    {{ return(own_table(ref('stg_esios__response_entries').schema, 'value_versions_built')) }}
{% endmacro %}

{% macro create_version_log() %}
    {#- In an older one a column is missing. -#}
    {%- if execute and load_relation(version_log()) is not none -%}
        {%- set columns = adapter.get_columns_in_relation(version_log()) | map(attribute='name') | map('lower') -%}
        {%- if 'built_after_id' not in columns | list -%}{{ return(add_column(version_log(), 'built_after_id', type_counter())) }}{%- endif -%}
    {%- endif -%}
    {{ create_table_if_missing(
        version_log(),
        'indicator_id ' ~ type_whole() ~ ' not null, response_id ' ~ type_counter() ~ ' not null, registration '
        ~ type_code(32) ~ ' not null, built_at_utc ' ~ type_instant() ~ ' not null, rebuilt_at_utc ' ~ type_instant()
        ~ ' not null, built_after_id ' ~ type_counter()
    ) }}
{% endmacro %}

{% macro days_built_last() %}
    {#- (indicator, first day, last day) of the versions that the newest build of each indicator wrote; none: all of them. -#}
    {%- if is_missing(version_log()) -%}{{ return(none) }}{%- endif -%}
    {%- set behind = [] -%}
    {%- for row in asked_now('select indicator_id, coalesce(built_after_id, 0) from ' ~ version_log(), [[460, 0]]) -%}
        {%- do behind.append([row[0] | int, row[1] | int]) -%}
    {%- endfor -%}
    {%- if not behind | selectattr(1) | list -%}{{ return(none) }}{%- endif -%}
    {%- set spans %}
        select
            versions.indicator_id,
            min(versions.period_start_utc) as start_utc,
            max(versions.period_end_utc) as end_utc
        from {{ ref('esios_value_versions') }} as versions
        where {{ newer_than(behind, 'versions', 'last_response_id') }}
        group by versions.indicator_id
    {%- endset -%}
    {{ return(days_near(spans, 1)) }}
{% endmacro %}

{% macro registrations() %}
    {#- {indicator: digest of what decides which of its entries are values, and what a version holds}. -#}
    {%- set digests = {} -%}
    {%- for entry in registered_entries() -%}
        {%- set decides = [entry.areas, entry.cadence, entry.get('sealed')] -%}
        {%- do digests.update({entry.id: local_md5(tojson(decides, sort_keys=true))}) -%}
    {%- endfor -%}
    {{ return(digests) }}
{% endmacro %}

{% macro versions_behind(table) %}
    {#- (indicator, watermark) of each registered indicator with newer responses; the watermark is 0 where all of its
        versions are to be built: it is new, its registration has changed, or the table was emptied by hand. -#}
    {%- set registry, responses = ref('esios_indicators'), ref('stg_esios__indicator_responses') -%}
    {%- if not execute or var('assume_incremental') is not none -%}
        {{ return([[460, 0]]) }}
    {%- endif -%}
    {%- set built = {} -%}
    {%- if load_relation(version_log()) is not none and has_rows(table) -%}
        {%- for row in run_query('select indicator_id, registration, response_id from ' ~ version_log()).rows -%}
            {%- do built.update({row[0] | int: (row[1], row[2] | int)}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set query %}
        select
            registered.id,
            coalesce({{ highest_of_indicator(responses, 'response_id') }}, 0) as response_id
        from {{ registry }} as registered
        order by registered.id
    {%- endset -%}
    {%- set digests = registrations() -%}
    {%- set behind = [] -%}
    {%- for row in run_query(query).rows if row[1] | int > 0 -%}
        {%- set indicator = row[0] | int -%}
        {%- set registration, watermark = built.get(indicator, ('', 0)) -%}
        {%- if registration != digests[indicator] -%}
            {%- do behind.append([indicator, 0]) -%}
        {%- elif row[1] | int > watermark -%}
            {%- do behind.append([indicator, watermark]) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(behind) }}
{% endmacro %}

{% macro delete_versions_to_rebuild(table) %}
    {#- Pre-hook: delete the versions of an earlier registration. -#}
    {%- if execute and is_incremental() -%}
        {%- set rebuilt = versions_behind(table) | selectattr(1, 'equalto', 0) | map('first') | list -%}
        {%- if rebuilt -%}
            delete from {{ table }} where indicator_id in ({{ rebuilt | join(', ') }})
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{% macro write_version_log() %}
    {#- Post-hook: every entry staged so far has been read. -#}
    {%- set staged = highest(ref('stg_esios__response_entries'), 'response_id') -%}
    {%- set behind = versions_behind(this) -%}
    {%- if execute and behind -%}
        {%- set digests = registrations() -%}
        {%- set rebuilt = behind | selectattr(1, 'equalto', 0) | map('first') | list -%}
        {%- set grown = behind | rejectattr(1, 'equalto', 0) | map('first') | list -%}
        {%- set statements = [] -%}
        {%- if grown -%}
            {%- do statements.append(
                'update ' ~ version_log() ~ ' set built_after_id = response_id, response_id = ' ~ staged ~ ', built_at_utc = '
                ~ now_utc() ~ ' where indicator_id in (' ~ grown | join(', ') ~ ')'
            ) -%}
        {%- endif -%}
        {%- if rebuilt -%}
            {%- do statements.append('delete from ' ~ version_log() ~ ' where indicator_id in (' ~ rebuilt | join(', ') ~ ')') -%}
            {%- set listed = [] -%}
            {%- for indicator in rebuilt -%}{%- do listed.append('(' ~ indicator ~ ", '" ~ digests[indicator] ~ "')") -%}{%- endfor -%}
            {%- set insert -%}
            insert into {{ version_log() }} (indicator_id, response_id, registration, built_at_utc, rebuilt_at_utc, built_after_id)
            select
                listed.indicator_id,
                {{ staged }} as response_id,
                listed.registration,
                {{ now_utc() }} as built_at_utc,
                {{ now_utc() }} as rebuilt_at_utc,
                0 as built_after_id
            from (values {{ listed | join(', ') }}) as listed (indicator_id, registration)
            {%- endset -%}
            {%- do statements.append(insert) -%}
        {%- endif -%}
        {{ one_by_one(statements) }}
    {%- endif -%}
{% endmacro %}

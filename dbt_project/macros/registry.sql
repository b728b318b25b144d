{#- The registry as dbt reads it: the same entries, defaults and checks as extract/registry.py. -#}

{% macro registry_meta() %}
    {#- `config.meta` of the properties file. While parsing there is no graph yet: no entry keeps the SQL whole. -#}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == 'esios_indicators' -%}
            {{ return(node.config.meta) }}
        {%- endfor -%}
    {%- endif -%}
    {{ return({'rules': {}, 'kinds': {}, 'indicators': []}) }}
{% endmacro %}

{% macro registered_entries() %}
    {#- Every entry with its kind's defaults. esios_indicators has checked them: what else reads them comes after it. -#}
    {%- set registry = registry_meta() -%}
    {%- set entries = [] -%}
    {%- for written in registry.indicators -%}
        {%- do entries.append(dict(registry.kinds[written.kind] if written.kind else {}, **written)) -%}
    {%- endfor -%}
    {{ return(entries) }}
{% endmacro %}

{% macro check_registry() %}
    {#- Refuses the first wrong entry. A thousand calls for seven indicators: only one model makes them. -#}
    {%- set registry = registry_meta() -%}
    {%- for kind, defaults in registry.kinds.items() -%}
        {%- do refuse_wrong_keys('kind ' ~ kind, defaults, registry.rules, in_kind=true) -%}
    {%- endfor -%}
    {%- set ids = [] -%}
    {%- for written in registry.indicators -%}
        {%- set named = 'indicator ' ~ (written.id if written is mapping and written.id else 'number ' ~ loop.index ~ ' of the list') -%}
        {%- set kind = written.get('kind') if written is mapping else none -%}
        {%- if kind is string and kind not in registry.kinds -%}
            {%- do refuse_entry(named, "kind is '" ~ kind ~ "'", 'write ' ~ registry.kinds | join(', ')) -%}
        {%- endif -%}
        {%- set entry = dict(registry.kinds[kind] if kind is string else {}, **written) if written is mapping else written -%}
        {%- do refuse_wrong_keys(named, entry, registry.rules) -%}
        {%- if entry.id | int in ids -%}
            {%- do refuse_entry(named, 'it is listed twice', 'delete one of the entries') -%}
        {%- endif -%}
        {%- if entry.plausible_min is number and entry.plausible_max is number and entry.plausible_min > entry.plausible_max -%}
            {%- do refuse_entry(named, 'plausible_min is above plausible_max', 'swap them') -%}
        {%- endif -%}
        {%- do ids.append(entry.id | int) -%}
    {%- endfor -%}
{% endmacro %}

{% macro refuse_entry(named, fault, remedy) %}
    {%- do exceptions.raise_compiler_error(named ~ ': ' ~ fault ~ ': ' ~ remedy) -%}
{% endmacro %}

{% macro refuse_wrong_keys(named, entry, rules, in_kind=false) %}
    {#- Names the first key that is unknown, missing or wrong. A kind has its own keys only, and need not have all. -#}
    {%- if entry is not mapping -%}
        {%- do refuse_entry(named, "it is '" ~ entry ~ "'", 'write its keys and their values') -%}
    {%- endif -%}
    {%- set known = [] -%}
    {%- for key, rule in rules.items() if rule.in_kind or not in_kind -%}{%- do known.append(key) -%}{%- endfor -%}
    {%- for key in entry if key not in known -%}
        {%- do refuse_entry(named, key ~ ' is not a valid key', 'write one of ' ~ known | join(', ')) -%}
    {%- endfor -%}
    {%- for key in known -%}
        {%- set value = entry.get(key) -%}
        {%- if value is none -%}
            {%- if not rules[key].optional and not in_kind -%}
                {%- do refuse_entry(named, key ~ ' is missing', 'write ' ~ rules[key].write) -%}
            {%- endif -%}
        {%- elif not registry_value_is_right(value, key, rules) -%}
            {%- do refuse_entry(named, key ~ " is '" ~ value ~ "'", 'write ' ~ rules[key].write) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{% macro registry_value_is_right(value, key, rules) %}
    {%- set rule = rules[key] -%}
    {%- if key == 'cadence' and value is sequence and value is not string and value is not mapping -%}
        {{ return(registry_spans_are_right(value, rules)) }}
    {%- endif -%}
    {%- if rule.list and value != rule.word -%}
        {%- if value is string or value is mapping or value is not sequence or not value -%}{{ return(false) }}{%- endif -%}
        {%- if value | length > rule.get('most', value | length) -%}{{ return(false) }}{%- endif -%}
        {%- if value | unique(true) | list | length < value | length -%}{{ return(false) }}{%- endif -%}
        {%- for item in value if not registry_item_is_right(item, rule) -%}{{ return(false) }}{%- endfor -%}
        {{ return(true) }}
    {%- endif -%}
    {%- if rule.list -%}{{ return(true) }}{%- endif -%}
    {{ return(registry_item_is_right(value, rule)) }}
{% endmacro %}

{% macro registry_item_is_right(value, rule) %}
    {#- Text or number, as the rule says, and matching it. -#}
    {%- if value is not string and not (rule.number and value is number) or rule.number and value is string -%}{{ return(false) }}{%- endif -%}
    {%- if not modules.re.fullmatch(rule.like, value | string) -%}{{ return(false) }}{%- endif -%}
    {{ return(is_calendar_day(value) if rule.date else true) }}
{% endmacro %}

{% macro registry_spans_are_right(spans, rules) %}
    {#- A list of from and cadence, days ascending. -#}
    {%- set days, cadences = [], [] -%}
    {%- for span in spans -%}
        {%- if span is not mapping or span | list | sort != ['cadence', 'from'] -%}{{ return(false) }}{%- endif -%}
        {%- if not registry_item_is_right(span.cadence, rules.cadence) -%}{{ return(false) }}{%- endif -%}
        {%- if not registry_value_is_right(span['from'], 'first_day', rules) or (days and span['from'] <= days[-1]) -%}{{ return(false) }}{%- endif -%}
        {#- A month has one cadence. -#}
        {%- if days and 'month' in (cadences[-1], span.cadence) and not span['from'].endswith('-01') -%}{{ return(false) }}{%- endif -%}
        {%- do days.append(span['from']) -%}
        {%- do cadences.append(span.cadence) -%}
    {%- endfor -%}
    {{ return(days | length > 0) }}
{% endmacro %}

{% macro is_calendar_day(text) %}
    {#- Jinja cannot catch an error: of yyyy-mm-dd the days are counted on from the first of the month. -#}
    {%- set year, month, day = text[:4] | int, text[5:7] | int, text[8:] | int -%}
    {%- if month < 1 or month > 12 -%}{{ return(false) }}{%- endif -%}
    {%- set counted = modules.datetime.date(year, month, 1) + modules.datetime.timedelta(days=day - 1) -%}
    {{ return(counted.isoformat() == text) }}
{% endmacro %}

{% macro listed_areas() %}
    {#- [indicator, area, place] of each area that an entry lists, the first at place 1; an entry with `all` lists none. -#}
    {%- set listed = [] -%}
    {%- for indicator in registered_entries() if indicator.areas != 'all' -%}
        {%- for area in indicator.areas -%}{%- do listed.append([indicator.id, area, loop.index]) -%}{%- endfor -%}
    {%- endfor -%}
    {{ return(listed) }}
{% endmacro %}

{% macro listed_cadences() %}
    {#- [indicator, start, end, word] of each cadence; a Madrid midnight is known when it is compiled. -#}
    {%- set listed = [] -%}
    {%- for indicator in registered_entries() -%}
        {%- set spans = [{'cadence': indicator.cadence}] if indicator.cadence is string else indicator.cadence -%}
        {%- set edges = ['1900-01-01 00:00:00'] -%}
        {%- for span in spans[1:] -%}
            {%- set midnight = modules.datetime.datetime.fromisoformat(span['from']) -%}
            {%- set instant = modules.pytz.timezone('Europe/Madrid').localize(midnight).astimezone(modules.pytz.utc) -%}
            {%- do edges.append(instant.strftime('%Y-%m-%d %H:%M:%S')) -%}
        {%- endfor -%}
        {%- do edges.append('9999-12-31 00:00:00') -%}
        {%- for span in spans -%}
            {%- do listed.append([indicator.id, edges[loop.index0], edges[loop.index], span.cadence]) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(listed) }}
{% endmacro %}

{% macro indicators_of_cadence(word) %}
    {#- The indicators that have, or once had, a cadence. -#}
    {{ return(listed_cadences() | selectattr(3, 'equalto', word) | map(attribute=0) | unique | list) }}
{% endmacro %}

{% macro by_cadence(indicator, shorter, day, month) %}
    {#- SQL expression: `month` for an indicator with periods of months, `day` for one of days, `shorter` for any other. -#}
    {%- set cases = [] -%}
    {%- for word, result in [('month', month), ('day', day)] -%}
        {%- set indicators = indicators_of_cadence(word) -%}
        {%- if indicators -%}{%- do cases.append('when ' ~ indicator ~ ' in (' ~ indicators | join(', ') ~ ') then ' ~ result) -%}{%- endif -%}
    {%- endfor -%}
    {{ return('case ' ~ cases | join(' ') ~ ' else ' ~ shorter ~ ' end' if cases else shorter) }}
{% endmacro %}

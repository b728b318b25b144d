{% test has_key(model, columns, filled=[], judged=false) %}
{#- Error: a key that comes twice makes every join and every revision ambiguous. Both in one pass: a test costs by the scan.
    `judged`: of a table that was made at once all rows, later those of the days that the newest judgement wrote: each row is
    checked by the build that writes it, and a build costs by what is new. -#}
{%- set is_built = execute and var('assume_incremental') is none and load_relation(model) is not none -%}
{%- set newest = highest(model, 'judgement') if judged and is_built else 0 -%}
select
    {{ columns | join(', ') }},
    {{ rows_with_null(filled) ~ ' as rows_with_null,' if filled }}
    count(*) as times
from {{ model }}{{ ' as checked' if newest > 1 }}
{% if newest > 1 %}
where {{ within_days('checked', 'madrid_day', days_near(judged_days(model, newest - 1), 1), 'date') }}
{% endif %}
group by {{ columns | join(', ') }}
having count(*) > 1
    {{ 'or ' ~ rows_with_null(filled) ~ ' > 0' if filled }}
{% endtest %}

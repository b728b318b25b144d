{% test has_key(model, columns, filled=[]) %}
{#- Error: a key that comes twice makes every join and every revision ambiguous. Both in one pass: a test costs by the scan. -#}
select
    {{ columns | join(', ') }},
    {{ rows_with_null(filled) ~ ' as rows_with_null,' if filled }}
    count(*) as times
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
    {{ 'or ' ~ rows_with_null(filled) ~ ' > 0' if filled }}
{% endtest %}

{% test unique_together(model, columns) %}
{#- Error: a key that comes twice makes every join and every revision ambiguous. -#}
select
    {{ columns | join(', ') }},
    count(*) as times
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}

{% test is_empty(model, columns, only=none) %}
{#- For views that list what is wrong: their rows are the failures, ready to be read. -#}
select {{ columns | join(', ') }}
from {{ model }}
{% if only %}where {{ only }}{% endif %}
{% endtest %}

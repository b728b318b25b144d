{% test never_null(model, columns) %}
{#- All columns in one pass: a test costs by the scan. -#}
select {{ columns | join(', ') }}
from {{ model }}
where {{ columns | join(' is null or ') }} is null
{% endtest %}

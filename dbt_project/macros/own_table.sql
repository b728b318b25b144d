{% macro own_table(schema, name) %}
    {#- The relation of a table that no model builds. Spark has no database above the schema. -#}
    {{ return(api.Relation.create(database=target.get('database'), schema=schema, identifier=name, type='table')) }}
{% endmacro %}

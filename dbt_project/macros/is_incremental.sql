{% macro is_incremental() %}
    {#- Whether a table is there is asked of the database. The lint of the compiled SQL has none: it says by
        assume_incremental which of the two branches it wants to see. -#}
    {% if var('assume_incremental') is not none %}
        {{ return(var('assume_incremental') and model.config.materialized == 'incremental') }}
    {% endif %}
    {{ return(dbt.is_incremental()) }}
{% endmacro %}

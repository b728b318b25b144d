{% macro is_incremental() %}
    {#- The database says whether a table exists. The lint of the compiled SQL has no database: assume_incremental chooses
        the branch that it checks. -#}
    {% if var('assume_incremental') is not none %}
        {{ return(var('assume_incremental') and model.config.materialized == 'incremental') }}
    {% endif %}
    {{ return(dbt.is_incremental()) }}
{% endmacro %}

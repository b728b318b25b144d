-- The landing: what came from the API, as it came. Append-only; dbt reads it as a source.
if schema_id(N'raw_esios') is null
    exec (N'create schema raw_esios');

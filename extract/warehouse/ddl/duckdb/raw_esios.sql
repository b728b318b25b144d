-- The landing: what came from the API, as it came. Append-only; dbt reads it as a source.
create schema if not exists raw_esios;

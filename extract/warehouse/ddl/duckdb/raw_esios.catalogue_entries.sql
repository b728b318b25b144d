-- One row = one indicator that ESIOS's catalogue lists, as it was when the catalogue was fetched last.
-- Kept by `esios find`, `describe` and `add`; a row whose fetched_at_utc is not the newest has left the catalogue.
create table if not exists raw_esios.catalogue_entries (
    indicator_id integer not null primary key,
    name varchar not null,
    short_name varchar not null, -- empty: the catalogue has none
    description varchar not null, -- plain text; empty: the catalogue has none
    fetched_at_utc timestamp not null
);

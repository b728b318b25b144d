-- One row = one indicator that ESIOS's catalogue lists, as it was when the catalogue was fetched last.
-- Kept by `esios find`, `describe` and `add`; a row whose fetched_at_utc is not the newest has left the catalogue.
if object_id(N'raw_esios.catalogue_entries', N'U') is null
    create table raw_esios.catalogue_entries (
        indicator_id int not null,
        name nvarchar(1000) not null,
        short_name nvarchar(1000) not null, -- empty: the catalogue has none
        description nvarchar(max) not null, -- plain text; empty: the catalogue has none
        fetched_at_utc datetime2(6) not null,
        constraint pk_catalogue_entries primary key clustered (indicator_id)
    );

-- One row: where every row of this warehouse comes from. One warehouse holds one source, checked before each fetch.
create table if not exists raw_esios.source (
    source varchar not null -- scheme, host and port of ESIOS_BASE_URL, or 'simulated'
);

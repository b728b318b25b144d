-- One row: where every row of this warehouse comes from. One warehouse holds one source, checked before each fetch.
if object_id(N'raw_esios.source', N'U') is null
    create table raw_esios.source (
        source nvarchar(400) not null -- scheme, host and port of ESIOS_BASE_URL, or 'simulated'
    );

-- One row = one response of the API: the body byte for byte, and what was asked. Instants are naive UTC. Append-only.
--
-- payload is varchar(max) in a UTF-8 collation (SQL Server 2019 and later):
--   * every character is kept, and DATALENGTH counts the very bytes that came over the wire, so that
--     payload_sha256 = lower(convert(varchar(64), hashbytes('SHA2_256', payload), 2)) can be checked in the database;
--   * JSON is nearly all ASCII: half the size of nvarchar(max), whose values no Unicode compression reaches
--     (that is for nvarchar(n) only);
--   * OPENJSON, JSON_VALUE and ISJSON read it as they read nvarchar.
-- COMPRESS would be smaller still, but is binary: it could not be read or queried without unpacking.
-- BIN2: compared code point by code point, in no language's order.
if object_id(N'raw_esios.indicator_responses', N'U') is null
    create table raw_esios.indicator_responses (
        indicator_id int not null,
        window_start_utc datetime2(6) not null,
        window_end_utc datetime2(6) not null, -- half-open: the first instant that is not asked for
        source_url nvarchar(2000) not null, -- without the key
        payload varchar(max) collate Latin1_General_100_BIN2_UTF8 not null,
        payload_sha256 varchar(64) not null, -- lower hex, of the payload's bytes
        run_id varchar(64) not null,
        extracted_at_utc datetime2(6) not null
    );
go

-- The extractor asks for the newest response of a window: one seek. Payloads over 8,000 bytes live off the row, so that
-- the leaf stays narrow. Not unique: an equal response may come back later, after a different one.
-- Page compression (every edition since 2016 SP1) takes what is in the row.
if not exists (
    select 1 from sys.indexes
    where object_id = object_id(N'raw_esios.indicator_responses') and name = N'cx_indicator_responses'
)
    create clustered index cx_indicator_responses
    on raw_esios.indicator_responses (indicator_id, window_start_utc, window_end_utc, extracted_at_utc)
    with (data_compression = page);
go

-- The watermark, and the whole natural key of a response: staging finds what is new without touching a payload.
if not exists (
    select 1 from sys.indexes
    where object_id = object_id(N'raw_esios.indicator_responses') and name = N'ix_indicator_responses_natural_key'
)
    create index ix_indicator_responses_natural_key
    on raw_esios.indicator_responses (extracted_at_utc, indicator_id, window_start_utc, window_end_utc)
    include (payload_sha256, run_id)
    with (data_compression = page);

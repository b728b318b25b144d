-- One row = one response received for a window, changed or not; freshness reads it. Append-only.
if object_id(N'raw_esios.window_checks', N'U') is null
    create table raw_esios.window_checks (
        indicator_id int not null,
        window_start_utc datetime2(6) not null,
        window_end_utc datetime2(6) not null,
        run_id varchar(64) not null,
        checked_at_utc datetime2(6) not null,
        payload_sha256 varchar(64) not null
    );
go

-- "When was this window last checked?" is one seek. Page compression: every edition since 2016 SP1.
if not exists (
    select 1 from sys.indexes
    where object_id = object_id(N'raw_esios.window_checks') and name = N'cx_window_checks'
)
    create clustered index cx_window_checks
    on raw_esios.window_checks (indicator_id, window_start_utc, window_end_utc, checked_at_utc)
    with (data_compression = page);
go

-- Freshness asks for the newest check of all.
if not exists (
    select 1 from sys.indexes
    where object_id = object_id(N'raw_esios.window_checks') and name = N'ix_window_checks_checked_at_utc'
)
    create index ix_window_checks_checked_at_utc on raw_esios.window_checks (checked_at_utc)
    with (data_compression = page);

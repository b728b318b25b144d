-- One row = one run of the extractor; written when it starts, completed when it ends.
if object_id(N'raw_esios.extract_runs', N'U') is null
    create table raw_esios.extract_runs (
        run_id varchar(64) not null,
        started_at_utc datetime2(6) not null,
        finished_at_utc datetime2(6) null, -- null: still running, or killed
        status varchar(40) not null, -- running, succeeded, failed, interrupted; forgotten: no run, its span is not due any more
        indicator_id int null, -- null: several
        requested_start date null, -- whole Madrid days, both included; null: followed
        requested_end date null,
        windows int not null,
        requests int not null,
        retries int not null,
        responses_landed int not null,
        bytes_received bigint not null,
        error nvarchar(max) null,
        constraint pk_extract_runs primary key nonclustered (run_id)
    );
go

-- Runs are read by time; the random run_id would scatter a clustered index.
if not exists (
    select 1 from sys.indexes
    where object_id = object_id(N'raw_esios.extract_runs') and name = N'cx_extract_runs'
)
    create clustered index cx_extract_runs on raw_esios.extract_runs (started_at_utc)
    with (data_compression = page);

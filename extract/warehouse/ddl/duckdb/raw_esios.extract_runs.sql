-- One row = one run of the extractor; written when it starts, completed when it ends.
create table if not exists raw_esios.extract_runs (
    run_id varchar not null primary key, -- few, small rows: here the index costs nothing
    started_at_utc timestamp not null,
    finished_at_utc timestamp, -- null: still running, or killed
    status varchar not null, -- running, succeeded, failed, interrupted; forgotten: no run, its span is not due any more
    indicator_id integer, -- null: several
    requested_start date, -- whole Madrid days, both included; null: followed
    requested_end date,
    windows integer not null,
    requests integer not null,
    retries integer not null,
    responses_landed integer not null,
    bytes_received bigint not null,
    error varchar
);

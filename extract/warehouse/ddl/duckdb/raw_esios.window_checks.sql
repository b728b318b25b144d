-- One row = one response received for a window, changed or not; freshness reads it.
-- No primary key: append-only, see indicator_responses.
create table if not exists raw_esios.window_checks (
    indicator_id integer not null,
    window_start_utc timestamp not null,
    window_end_utc timestamp not null,
    run_id varchar not null,
    checked_at_utc timestamp not null,
    payload_sha256 varchar not null
);

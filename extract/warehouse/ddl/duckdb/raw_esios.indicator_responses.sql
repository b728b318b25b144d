-- One row = one response of the API: the body byte for byte, and what was asked. Instants are naive UTC.
-- No primary key on purpose: DuckDB keeps an index (ART) for it that every append maintains and every opening of the
-- file loads, and the landing is append-only anyway; "an equal response adds no row" is decided by the extractor within
-- its transaction.
create table if not exists raw_esios.indicator_responses (
    indicator_id integer not null,
    window_start_utc timestamp not null,
    window_end_utc timestamp not null, -- half-open: the first instant that is not asked for
    source_url varchar not null, -- without the key
    payload varchar not null,
    payload_sha256 varchar not null, -- lower hex, of the payload's bytes
    run_id varchar not null,
    extracted_at_utc timestamp not null
);

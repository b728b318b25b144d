-- One row = one value that a forecast of your own predicted, and when; filled with `esios load` (docs/monitoring.md).
create table if not exists raw_esios.predictions (
    forecast varchar not null, -- the forecast's name, yours to choose
    indicator_id integer not null, -- what it predicts: the indicator of the actual values, 1293 say
    period_start_utc timestamp not null,
    predicted_value double not null, -- in the indicator's unit
    predicted_at_utc timestamp not null, -- the last one from before the period counts; the others show how late
    primary key (forecast, indicator_id, period_start_utc, predicted_at_utc)
);

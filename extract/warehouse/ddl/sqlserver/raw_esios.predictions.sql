-- One row = one value that a forecast of your own predicted, and when; filled with `esios load` (docs/monitoring.md).
if object_id(N'raw_esios.predictions', N'U') is null
    create table raw_esios.predictions (
        forecast nvarchar(100) not null, -- the forecast's name, yours to choose
        indicator_id int not null, -- what it predicts: the indicator of the actual values, 1293 say
        period_start_utc datetime2(3) not null,
        predicted_value float not null, -- in the indicator's unit
        predicted_at_utc datetime2(3) not null, -- the last one from before the period counts; the others show how late
        constraint pk_predictions primary key clustered (forecast, indicator_id, period_start_utc, predicted_at_utc)
    );

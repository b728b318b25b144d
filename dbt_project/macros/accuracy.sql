{% macro accuracy_measures() %}
    {#- For rows with predicted, actual, persistence, error (predicted - actual) and lateness_hours; an hour without its
        prediction is due and missing. Shares, not percents, as scikit-learn gives them. -#}
    cast(count(*) as {{ type_whole() }}) as hours_due,
    cast(count(predicted) as {{ type_whole() }}) as predictions_there,
    cast(1e0 * count(predicted) / count(*) as {{ type_number() }}) as coverage,
    cast(avg(abs(error)) as {{ type_number() }}) as mae,
    cast(sqrt(avg(error * error)) as {{ type_number() }}) as rmse,
    cast(avg(case when actual <> 0 then abs(error) / abs(actual) end) as {{ type_number() }}) as mape,
    cast(
        avg(
            case
                when abs(predicted) + abs(actual) > 0 then 2 * abs(error) / (abs(predicted) + abs(actual))
                else 0 * error
            end
        ) as {{ type_number() }}
    ) as smape,
    cast(avg(error) as {{ type_number() }}) as bias,
    cast(avg(actual) as {{ type_number() }}) as mean_actual,
    cast(avg(case when error is not null then abs(persistence - actual) end) as {{ type_number() }}) as persistence_mae,
    cast(
        1 - avg(case when persistence is not null then abs(error) end)
        / nullif(avg(case when error is not null then abs(persistence - actual) end), 0) as {{ type_number() }}
    ) as skill,
    cast(sum(case when lateness_hours > 0 then 1 else 0 end) as {{ type_whole() }}) as late_predictions,
    cast(max(lateness_hours) as {{ type_number() }}) as lateness_hours
{%- endmacro %}

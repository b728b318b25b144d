{#- Madrid days, fractions of hours, medians: what daily quality and monitoring need besides instants. -#}

{% macro day_of(local) %}cast({{ local }} as date){% endmacro %}

{% macro add_days(day, days) %}{{ return(adapter.dispatch('add_days')(day, days)) }}{% endmacro %}
{% macro duckdb__add_days(day, days) %}({{ day }} + cast({{ days }} as integer)){% endmacro %}
{% macro sqlserver__add_days(day, days) %}dateadd(day, {{ days }}, {{ day }}){% endmacro %}
{% macro spark__add_days(day, days) %}date_add({{ day }}, cast({{ days }} as int)){% endmacro %}

{% macro days_from_to(first, last) %}{{ return(adapter.dispatch('days_from_to')(first, last)) }}{% endmacro %}
{% macro duckdb__days_from_to(first, last) %}cast(date_diff('day', {{ first }}, {{ last }}) as integer){% endmacro %}
{% macro sqlserver__days_from_to(first, last) %}datediff(day, {{ first }}, {{ last }}){% endmacro %}
{% macro spark__days_from_to(first, last) %}datediff({{ last }}, {{ first }}){% endmacro %}

{% macro first_of_month(day) %}{{ return(adapter.dispatch('first_of_month')(day)) }}{% endmacro %}
{% macro duckdb__first_of_month(day) %}cast(date_trunc('month', {{ day }}) as date){% endmacro %}
{% macro sqlserver__first_of_month(day) %}datefromparts(datepart(year, {{ day }}), datepart(month, {{ day }}), 1){% endmacro %}
{% macro spark__first_of_month(day) %}cast(trunc({{ day }}, 'MM') as date){% endmacro %}

{% macro clock_hour(local) %}{{ return(adapter.dispatch('clock_hour')(local)) }}{% endmacro %}
{% macro duckdb__clock_hour(local) %}cast(extract('hour' from {{ local }}) as integer){% endmacro %}
{% macro sqlserver__clock_hour(local) %}datepart(hour, {{ local }}){% endmacro %}
{% macro spark__clock_hour(local) %}hour({{ local }}){% endmacro %}

{% macro day_start_utc(day) %}{{ return(adapter.dispatch('day_start_utc')(day)) }}{% endmacro %}
{% macro duckdb__day_start_utc(day) %}{{ from_madrid('cast(' ~ day ~ ' as timestamp)') }}{% endmacro %}
{% macro sqlserver__day_start_utc(day) %}{{ from_madrid('cast(' ~ day ~ ' as datetime2(0))') }}{% endmacro %}
{% macro spark__day_start_utc(day) %}{{ from_madrid('cast(' ~ day ~ ' as timestamp)') }}{% endmacro %}

{% macro add_seconds(instant, seconds) %}{{ return(adapter.dispatch('add_seconds')(instant, seconds)) }}{% endmacro %}
{% macro duckdb__add_seconds(instant, seconds) %}({{ instant }} + to_seconds({{ seconds }})){% endmacro %}
{% macro sqlserver__add_seconds(instant, seconds) %}dateadd(second, {{ seconds }}, {{ instant }}){% endmacro %}
{% macro spark__add_seconds(instant, seconds) %}timestampadd(second, {{ seconds }}, {{ instant }}){% endmacro %}

{% macro hours_between(first, last) %}{{ return(adapter.dispatch('hours_between')(first, last)) }}{% endmacro %}
{#- With its fraction, to the second; hours_from_to counts the full hours of the clock that are crossed. -#}
{% macro duckdb__hours_between(first, last) %}(date_diff('second', {{ first }}, {{ last }}) / 3600e0){% endmacro %}
{#- _big: a faulty year is further off than an int of seconds. -#}
{% macro sqlserver__hours_between(first, last) %}(datediff_big(second, {{ first }}, {{ last }}) / 3600e0){% endmacro %}
{% macro spark__hours_between(first, last) %}((unix_timestamp({{ last }}) - unix_timestamp({{ first }})) / 3600e0){% endmacro %}

{% macro each_day(spans, first, end) %}{{ return(adapter.dispatch('each_day')(spans, first, end)) }}{% endmacro %}
{#- The from-clause that yields every row of `spans` once a day, as each_day.madrid_day, from `first` until before `end`. -#}
{% macro duckdb__each_day(spans, first, end) %}
    {{ spans }}
    cross join unnest(range(0, date_diff('day', {{ spans }}.{{ first }}, {{ spans }}.{{ end }}))) as numbers (day_number)
    cross join lateral (
        select {{ spans }}.{{ first }} + cast(numbers.day_number as integer) as madrid_day
    ) as each_day
{% endmacro %}
{#- SQL Server 2019 has no generate_series: numbers out of four digits, 27 years; top ends the counting where the span ends. -#}
{% macro sqlserver__each_day(spans, first, end) %}
    {{ spans }}
    cross apply (
        select dateadd(day, numbers.day_number, {{ spans }}.{{ first }}) as madrid_day
        from ({{ sqlserver__counted(4, 'datediff(day, ' ~ spans ~ '.' ~ first ~ ', ' ~ spans ~ '.' ~ end ~ ')', 'day_number') }}) as numbers
    ) as each_day
{% endmacro %}
{% macro spark__each_day(spans, first, end) %}
    {{ spans }}
    inner join lateral explode(
        filter(sequence({{ spans }}.{{ first }}, {{ spans }}.{{ end }}, interval 1 day), day -> day < {{ spans }}.{{ end }})
    ) as each_day (madrid_day)
{% endmacro %}

{% macro lesser_of(one, other) %}case when {{ one }} < {{ other }} or {{ other }} is null then {{ one }} else {{ other }} end{% endmacro %}
{% macro greater_of(one, other) %}case when {{ one }} > {{ other }} or {{ other }} is null then {{ one }} else {{ other }} end{% endmacro %}

{% macro each_number(rows, count) %}{{ return(adapter.dispatch('each_number')(rows, count)) }}{% endmacro %}
{#- The from-clause that yields every row of `rows` `count` times, as each_number.number = 0, 1, … (100,000 at most). -#}
{% macro duckdb__each_number(rows, count) %}
    {{ rows }}
    cross join unnest(range(0, {{ rows }}.{{ count }})) as each_number (number)
{% endmacro %}
{% macro sqlserver__each_number(rows, count) %}
    {{ rows }}
    cross apply ({{ sqlserver__counted(5, rows ~ '.' ~ count, 'number') }}) as each_number
{% endmacro %}
{% macro spark__each_number(rows, count) %}
    {{ rows }}
    inner join lateral explode(
        filter(sequence(0, {{ rows }}.{{ count }}), number -> number < {{ rows }}.{{ count }})
    ) as each_number (number)
{% endmacro %}

{% macro create_schema_if_missing(schema) %}{{ return(adapter.dispatch('create_schema_if_missing')(schema)) }}{% endmacro %}
{% macro duckdb__create_schema_if_missing(schema) %}create schema if not exists {{ schema }}{% endmacro %}
{#- A schema must be made by the first statement of a batch, hence exec. -#}
{% macro sqlserver__create_schema_if_missing(schema) %}if schema_id('{{ schema }}') is null exec('create schema {{ schema }}'){% endmacro %}
{% macro spark__create_schema_if_missing(schema) %}create schema if not exists {{ schema }}{% endmacro %}

{% macro forgiving(statements) %}{{ return(adapter.dispatch('forgiving')(statements)) }}{% endmacro %}
{#- Statements in one batch that should not fail a build. DuckDB has no try: there each is written so that it cannot clash. -#}
{% macro duckdb__forgiving(statements) %}{{ statements | join(';\n') }}{% endmacro %}
{% macro sqlserver__forgiving(statements) %}
    begin try
        {{ statements | join(';\n') }};
    end try
    begin catch
        print error_message();
    end catch
{% endmacro %}
{#- As on DuckDB. -#}
{% macro spark__forgiving(statements) %}{{ spark__one_by_one(statements) }}{% endmacro %}

{% macro natural_log(number) %}{{ return(adapter.dispatch('natural_log')(number)) }}{% endmacro %}
{#- `log` is to the base of ten on DuckDB, and `ln` unknown to SQL Server. -#}
{% macro duckdb__natural_log(number) %}ln({{ number }}){% endmacro %}
{% macro sqlserver__natural_log(number) %}log({{ number }}){% endmacro %}
{% macro spark__natural_log(number) %}ln({{ number }}){% endmacro %}

{% macro medians(rows, keys, value, median, spread, further={}) %}{{ return(adapter.dispatch('medians')(rows, keys, value, median, spread, further)) }}{% endmacro %}
{#- The query of the median of `value` by `keys` and of the median distance from it, as `median` and `spread`; `further`:
    other aggregates of the same pass, by their names. -#}
{% macro duckdb__medians(rows, keys, value, median, spread, further) %}
    select
        {{ keys | join(', ') }},
        {%- for column, aggregate in further.items() %}
        {{ aggregate }} as {{ column }},
        {%- endfor %}
        median({{ value }}) as {{ median }},
        mad({{ value }}) as {{ spread }}
    from {{ rows }}
    group by {{ keys | join(', ') }}
{% endmacro %}
{#- percentile_cont is a window function there, and slower than ranks: the middle of the values, then of their distances. -#}
{% macro sqlserver__medians(rows, keys, value, median, spread, further) %}
    {%- set by_keys = 'partition by ' ~ keys | join(', ') %}
    select
        {{ keys | join(', ') }},
        {%- for column, aggregate in further.items() %}
        {{ aggregate }} as {{ column }},
        {%- endfor %}
        max(middle) as {{ median }},
        avg(case when 2 * place_of_distance between places and places + 2 then abs({{ value }} - middle) end) as {{ spread }}
    from (
        select
            *,
            row_number() over (
                {{ by_keys }} order by case when {{ value }} is null then 1 else 0 end, abs({{ value }} - middle)
            ) as place_of_distance
        from (
            select
                *,
                avg(case when 2 * place between places and places + 2 then {{ value }} end) over ({{ by_keys }}) as middle
            from (
                select
                    *,
                    row_number() over ({{ by_keys }} order by case when {{ value }} is null then 1 else 0 end, {{ value }}) as place,
                    count({{ value }}) over ({{ by_keys }}) as places
                from {{ rows }}
            ) as in_order
        ) as with_middle
    ) as with_distances
    group by {{ keys | join(', ') }}
{% endmacro %}
{#- It has no aggregate of the distances either. -#}
{% macro spark__medians(rows, keys, value, median, spread, further) %}{{ sqlserver__medians(rows, keys, value, median, spread, further) }}{% endmacro %}

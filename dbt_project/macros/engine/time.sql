{#- Instants are naive UTC everywhere; Madrid time is derived from them, never the other way round, but for midnights. -#}

{% macro parse_instant(text) %}{{ return(adapter.dispatch('parse_instant')(text)) }}{% endmacro %}
{#- The offset must be in the text: without one a cast would silently take the session's zone. 24:00 is not a valid hour. -#}
{% macro duckdb__parse_instant(text) %}
    case
        when regexp_full_match(
            {{ text }},
            '[12][0-9]{3}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,7})?(Z|[+-][0-9]{2}:[0-9]{2})'
        ) then make_timestamp(epoch_us(try_cast({{ text }} as timestamp with time zone)))
    end
{% endmacro %}
{% macro sqlserver__parse_instant(text) %}
    case
        when {{ text }} like '[12][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]%Z'
            or {{ text }} like '[12][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]%[+-][0-9][0-9]:[0-9][0-9]'
            then cast(switchoffset(try_cast({{ text }} as datetimeoffset(3)), '+00:00') as datetime2(3))
    end
{% endmacro %}
{% macro spark__parse_instant(text) %}
    case
        when {{ text }} rlike '^[12][0-9]{3}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,7})?(Z|[+-][0-9]{2}:[0-9]{2})$'
            then try_cast({{ text }} as timestamp)
    end
{% endmacro %}

{% macro wall_clock(text, instant) %}{{ return(adapter.dispatch('wall_clock')(text, instant)) }}{% endmacro %}
{#- The local time that an ISO text shows, without its offset, to the second; `instant`: what parse_instant reads in it. -#}
{#- To read the text once more would take longer than to add the offset. -#}
{% macro duckdb__wall_clock(text, instant) %}
    case
        when {{ text }} like '%+01:00' then {{ duckdb__add_hours(duckdb__to_second(instant), 1) }}
        when {{ text }} like '%+02:00' then {{ duckdb__add_hours(duckdb__to_second(instant), 2) }}
        else try_cast(left({{ text }}, 19) as timestamp)
    end
{%- endmacro %}
{% macro sqlserver__wall_clock(text, instant) %}try_cast(left({{ text }}, 19) as datetime2(0)){% endmacro %}
{% macro spark__wall_clock(text, instant) %}try_cast(left({{ text }}, 19) as timestamp){% endmacro %}

{% macro to_madrid(instant) %}{{ return(adapter.dispatch('to_madrid')(instant)) }}{% endmacro %}
{#- `at time zone 'UTC'` would ask the calendar a second time, for what needs none. -#}
{% macro duckdb__to_madrid(instant) %}make_timestamptz(epoch_us({{ instant }})) at time zone 'Europe/Madrid'{% endmacro %}
{#- SQL Server's name for the zone of Madrid. -#}
{% macro sqlserver__to_madrid(instant) %}cast(({{ instant }} at time zone 'UTC') at time zone 'Romance Standard Time' as datetime2(0)){% endmacro %}
{% macro spark__to_madrid(instant) %}from_utc_timestamp({{ instant }}, 'Europe/Madrid'){% endmacro %}

{% macro from_madrid(local) %}{{ return(adapter.dispatch('from_madrid')(local)) }}{% endmacro %}
{#- Only for midnights, which are never skipped or repeated in Madrid. -#}
{% macro duckdb__from_madrid(local) %}make_timestamp(epoch_us({{ local }} at time zone 'Europe/Madrid')){% endmacro %}
{% macro sqlserver__from_madrid(local) %}cast(({{ local }} at time zone 'Romance Standard Time') at time zone 'UTC' as datetime2(0)){% endmacro %}
{% macro spark__from_madrid(local) %}to_utc_timestamp({{ local }}, 'Europe/Madrid'){% endmacro %}

{% macro midnight_of(local) %}{{ return(adapter.dispatch('midnight_of')(local)) }}{% endmacro %}
{% macro duckdb__midnight_of(local) %}date_trunc('day', {{ local }})::timestamp{% endmacro %}
{% macro sqlserver__midnight_of(local) %}cast(cast({{ local }} as date) as datetime2(0)){% endmacro %}
{% macro spark__midnight_of(local) %}date_trunc('day', {{ local }}){% endmacro %}

{% macro to_second(instant) %}{{ return(adapter.dispatch('to_second')(instant)) }}{% endmacro %}
{% macro duckdb__to_second(instant) %}date_trunc('second', {{ instant }}){% endmacro %}
{#- A cast to datetime2(0) would round up. -#}
{% macro sqlserver__to_second(instant) %}dateadd(millisecond, -datepart(millisecond, {{ instant }}), {{ instant }}){% endmacro %}
{% macro spark__to_second(instant) %}date_trunc('second', {{ instant }}){% endmacro %}

{% macro seconds_past_hour(instant) %}{{ return(adapter.dispatch('seconds_past_hour')(instant)) }}{% endmacro %}
{% macro duckdb__seconds_past_hour(instant) %}(60 * extract('minute' from {{ instant }}) + extract('microsecond' from {{ instant }}) / 1000000.0){% endmacro %}
{% macro sqlserver__seconds_past_hour(instant) %}(60 * datepart(minute, {{ instant }}) + datepart(second, {{ instant }}) + datepart(millisecond, {{ instant }}) / 1000.0){% endmacro %}
{% macro spark__seconds_past_hour(instant) %}(60 * minute({{ instant }}) + extract(second from {{ instant }})){% endmacro %}

{% macro add_hours(instant, hours) %}{{ return(adapter.dispatch('add_hours')(instant, hours)) }}{% endmacro %}
{% macro duckdb__add_hours(instant, hours) %}({{ instant }} + to_hours(cast({{ hours }} as integer))){% endmacro %}
{% macro sqlserver__add_hours(instant, hours) %}dateadd(hour, {{ hours }}, {{ instant }}){% endmacro %}
{% macro spark__add_hours(instant, hours) %}timestampadd(hour, {{ hours }}, {{ instant }}){% endmacro %}

{% macro hours_from_to(first, last) %}{{ return(adapter.dispatch('hours_from_to')(first, last)) }}{% endmacro %}
{% macro duckdb__hours_from_to(first, last) %}cast(date_diff('hour', {{ first }}, {{ last }}) as integer){% endmacro %}
{% macro sqlserver__hours_from_to(first, last) %}datediff(hour, {{ first }}, {{ last }}){% endmacro %}
{% macro spark__hours_from_to(first, last) %}cast((unix_timestamp(date_trunc('hour', {{ last }})) - unix_timestamp(date_trunc('hour', {{ first }}))) div 3600 as int){% endmacro %}

{% macro offset_text(hours) %}{{ return(adapter.dispatch('offset_text')(hours)) }}{% endmacro %}
{#- Madrid is one or two whole hours ahead of UTC. -#}
{% macro duckdb__offset_text(hours) %}'+0' || cast({{ hours }} as varchar) || ':00'{% endmacro %}
{% macro sqlserver__offset_text(hours) %}cast(concat('+0', {{ hours }}, ':00') as varchar(6)){% endmacro %}
{% macro spark__offset_text(hours) %}concat('+0', cast({{ hours }} as string), ':00'){% endmacro %}

{% macro literal_of_instant(instant) %}{{ return(adapter.dispatch('literal_of_instant')(instant)) }}{% endmacro %}
{#- The text of the SQL literal that means an instant, to the microsecond; null for null. -#}
{% macro duckdb__literal_of_instant(instant) %}'timestamp ''' || strftime({{ instant }}, '%Y-%m-%d %H:%M:%S.%f') || ''''{% endmacro %}
{% macro sqlserver__literal_of_instant(instant) %}'cast(''' + convert(varchar(26), {{ instant }}, 121) + ''' as datetime2(6))'{% endmacro %}
{% macro spark__literal_of_instant(instant) %}concat('timestamp \'', date_format({{ instant }}, 'yyyy-MM-dd HH:mm:ss.SSSSSS'), '\''){% endmacro %}

{% macro refuse_other_zones() %}{{ return(adapter.dispatch('refuse_other_zones')()) }}{% endmacro %}
{#- On-run-start hook: the session's zone must be UTC where it has a say. Here it has none. -#}
{% macro duckdb__refuse_other_zones() %}{% endmacro %}
{% macro sqlserver__refuse_other_zones() %}{% endmacro %}
{#- There every instant is shown, cast and read in it. Judged by what it does, in winter and in summer, not by its name. -#}
{% macro spark__refuse_other_zones() %}
    {%- set query %}
        select
            current_timezone() as zone,
            unix_timestamp(cast('2018-01-01 00:00:00' as timestamp)) as winter,
            unix_timestamp(cast('2018-07-01 00:00:00' as timestamp)) as summer
    {% endset -%}
    {%- set zone, winter, summer = asked_now(query, [['UTC', 1514764800, 1530403200]])[0] -%}
    {%- if winter | int != 1514764800 or summer | int != 1530403200 -%}
        {%- do exceptions.raise_compiler_error(
            "the Spark session's time zone is " ~ zone ~ ', and every instant would be shifted: set spark.sql.session.timeZone to UTC'
        ) -%}
    {%- endif -%}
{% endmacro %}

{% macro now_utc() %}{{ return(adapter.dispatch('now_utc')()) }}{% endmacro %}
{% macro duckdb__now_utc() %}cast(now() at time zone 'UTC' as timestamp){% endmacro %}
{% macro sqlserver__now_utc() %}cast(sysutcdatetime() as datetime2(3)){% endmacro %}
{% macro spark__now_utc() %}current_timestamp(){% endmacro %}

{#- dbt's own clock, for source freshness: the adapter's is local SYSDATETIME(), which dbt reads as UTC. -#}
{% macro sqlserver__current_timestamp() %}sysutcdatetime(){% endmacro %}
{% macro duckdb__current_timestamp() %}cast(now() at time zone 'UTC' as timestamp){% endmacro %}

{% macro each_hour(spans, first, end) %}{{ return(adapter.dispatch('each_hour')(spans, first, end)) }}{% endmacro %}
{#- The from-clause that yields every row of `spans` once an hour, as each_hour.hour_utc, from `first` until before `end`. -#}
{% macro duckdb__each_hour(spans, first, end) %}
    {{ spans }}
    cross join unnest(range({{ spans }}.{{ first }}, {{ spans }}.{{ end }}, interval 1 hour)) as each_hour (hour_utc)
{% endmacro %}
{#- SQL Server 2019 has no generate_series: numbers out of five digits, eleven years of hours. -#}
{% macro sqlserver__each_hour(spans, first, end) %}
    {{ spans }}
    cross apply (
        select dateadd(hour, numbers.hour_number, {{ spans }}.{{ first }}) as hour_utc
        from ({{ sqlserver__counted(5, 'datediff(hour, ' ~ spans ~ '.' ~ first ~ ', ' ~ spans ~ '.' ~ end ~ ')', 'hour_number') }}) as numbers
    ) as each_hour
{% endmacro %}
{% macro spark__each_hour(spans, first, end) %}
    {{ spans }}
    inner join lateral explode(
        filter(sequence({{ spans }}.{{ first }}, {{ spans }}.{{ end }}, interval 1 hour), hour -> hour < {{ spans }}.{{ end }})
    ) as each_hour (hour_utc)
{% endmacro %}

{% macro sqlserver__counted(digits, count, name) %}
    {#- The numbers 0, 1, … below `count`, 10^digits at most. TOP stops the cross join at the last one: without it
        every span would pay for all of them. -#}
    select top (case when {{ count }} > 0 then {{ count }} else 0 end)
        cast(row_number() over (order by (select null)) - 1 as int) as {{ name }}
    from (values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) as d1 (digit)
    {%- for at in range(2, digits + 1) %}
    cross join (values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) as d{{ at }} (digit)
    {%- endfor %}
{% endmacro %}

{{ config(pre_hook='{{ create_dbt_results() }}') }}

with tests_in_order as (
    select
        invocation_id,
        run_started_at_utc,
        command,
        name,
        status,
        message,
        coalesce(failures, 0) as failures,
        lag(status) over (partition by name order by run_started_at_utc, invocation_id) as status_before,
        lag(coalesce(failures, 0)) over (partition by name order by run_started_at_utc, invocation_id) as failures_before
    from {{ source('dbt', 'dbt_results') }}
    where resource_type = 'test'
        and status <> 'skipped'
)

select
    invocation_id,
    run_started_at_utc,
    command,
    name as test_name,
    status,
    failures,
    status_before,
    failures_before,
    message,
    case when status = status_before and failures = failures_before then 0 else 1 end as has_changed
from tests_in_order

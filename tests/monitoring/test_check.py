"""The check verb on real warehouses: what it finds, how it ends, its metrics, and a webhook that hears of changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from extract.check import run_check
from extract.errors import UsageError
from extract.health.report import Report
from extract.settings import Settings, load_settings
from tests.warehouses import judged
from tests.warehouses.landed import Warehouse
from tests.warehouses.makers import Makers
from tests.warehouses.project import FILE

NOW = datetime(2021, 6, 5, 12, 0)
SECRET = "T0PSECRET"


@pytest.fixture(scope="module")
def good_folder(warehouses: Makers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small warehouse that is followed, and in which nothing is wrong on 2021-06-05 at noon."""
    folder = tmp_path_factory.mktemp("good")
    warehouse = warehouses.empty(folder)
    judged.land(warehouse, 460, "2021-05-20", "2021-06-12", judged.days("2021-05-20", "2021-06-12"), "2021-06-05 05:00")
    note_run(warehouse, "2021-06-05 04:59", "succeeded")
    warehouse.run()
    warehouse.execute("update quality_esios.dbt_results set run_started_at_utc = '2021-06-05 05:01'")
    return folder


def note_run(warehouse: Warehouse, started: str, status: str, end: str | None = None, error: str | None = None) -> None:
    """Note a run of the extractor; without end the series is followed."""
    values = [f"run {started}", started, started, status, 460, "2021-05-20", end, 1, 1, 0, 1, 1, error]
    import duckdb

    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(f"insert into raw_esios.extract_runs values ({', '.join('?' * 13)})", values)


@pytest.fixture
def good(warehouses: Makers, good_folder: Path, tmp_path: Path) -> Warehouse:
    """A copy of it."""
    (tmp_path / FILE).write_bytes((good_folder / FILE).read_bytes())
    return warehouses.empty(tmp_path)


def settings_of(warehouse: Warehouse) -> Settings:
    return load_settings({"ESIOS_DUCKDB_PATH": str(warehouse.path)}, Path("/nonexistent/.env"))


def check(warehouse: Warehouse, now: datetime = NOW, **options: Any) -> Report:
    return run_check(settings_of(warehouse), now=lambda: now, **options)


def problems(report: Report) -> list[str]:
    return [problem.text for problem in report.problems()]


class Webhook:
    """A real server on loopback that stores what it receives, and responds with `status`."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.status = 204
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                if hook.status == 307:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?token={SECRET}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    hook = Webhook()
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


def test_a_warehouse_in_which_nothing_is_wrong_is_ok(good: Warehouse) -> None:
    report = check(good)
    assert (report.state, report.exit_code, report.problems()) == ("ok", 0, [])
    assert report.text().splitlines() == [
        "check      ok, 2021-06-05 12:00:00 UTC",
        "ok         last run: 2021-06-05 04:59:00 UTC",
        "ok         last build: dbt run, 2021-06-05 05:01:00 UTC",
        "ok         freshness: last responses 2021-06-05 05:00:00 UTC or later",
        "ok         completeness: no hour that is due is missing",
        "ok         quality: no value has a finding",
    ]


def test_a_followed_series_goes_stale_and_then_runs_out(good: Warehouse) -> None:
    assert check(good, datetime(2021, 6, 6, 10, 59)).state == "ok"
    assert problems(check(good, datetime(2021, 6, 6, 11, 1))) == [
        "460: last response 2021-06-05 05:00:00 UTC, more than 30 hours ago"
    ]
    assert problems(check(good, datetime(2021, 6, 12, 22, 0)))[1:] == [
        "460: the newest value is for 2021-06-12 21:00 UTC, which is past"
    ]
    good.execute("update raw_esios.extract_runs set requested_end = '2021-06-12'")
    assert check(good, datetime(2026, 1, 1)).state == "ok"  # a historical span is held on purpose


@pytest.mark.parametrize(
    ("status", "error", "text"),
    [
        ("failed", "ESIOS returned 503", "460: the run of 2021-06-05 11:00:00 UTC failed: ESIOS returned 503"),
        ("interrupted", None, "460: the run of 2021-06-05 11:00:00 UTC interrupted"),
    ],
)
def test_a_run_that_failed_is_named_with_its_error(good: Warehouse, status: str, error: str | None, text: str) -> None:
    note_run(good, "2021-06-05 11:00", status, error=error)
    report = check(good)
    assert (report.exit_code, problems(report)) == (1, [text])


def test_a_run_under_way_is_not_a_problem_until_it_should_have_ended(good: Warehouse) -> None:
    note_run(good, "2021-06-05 11:00", "running")
    assert check(good).state == "ok"
    assert problems(check(good, NOW + timedelta(hours=6))) == [
        "460: the run of 2021-06-05 11:00:00 UTC never ended; start another one"
    ]


def test_a_build_that_broke_and_one_that_is_behind_are_reported(good: Warehouse) -> None:
    good.execute("update quality_esios.dbt_results set status = 'error' where name = 'daily_quality'")
    assert problems(check(good)) == ["daily_quality failed: see the output of dbt"]
    good.execute("update quality_esios.dbt_results set status = 'success'")
    judged.land(good, 460, "2021-06-05", "2021-06-12", judged.days("2021-06-05", "2021-06-12"), "2021-06-05 11:00")
    assert problems(check(good)) == ["what was landed up to 2021-06-05 11:00:00 UTC is not built: run `dbt build`"]
    good.execute("delete from quality_esios.dbt_results")
    assert problems(check(good)) == ["nothing is built yet: run `dbt build`"]


def test_gaps_and_odd_days_are_named_and_the_last_days_can_be_asked_for_alone(
    warehouses: Makers, warehouse: Warehouse, tmp_path: Path
) -> None:
    copy = warehouses.judged(tmp_path)
    note_run(copy, "2021-06-01 09:59", "succeeded", end="2020-12-31")
    copy.execute("update quality_esios.dbt_results set run_started_at_utc = '2021-06-01 11:00'")
    report = check(copy)
    checks = {one.name: one for one in report.checks}
    assert [problem.text for problem in checks["completeness"].problems] == [
        "missing: 460 2020-10-25 01:00 … 2020-10-25 01:00 UTC (1 hour), area 8741",
        "missing: 544 2021-02-10 10:00 … 2021-02-10 10:00 UTC (1 hour), area 8741",
        "missing: 544 2021-02-17 10:00 … 2021-02-17 10:00 UTC (1 hour), area 8741",
    ]
    odd = [problem.text for problem in checks["quality"].problems]
    assert [text.split(" (Madrid): ")[0] for text in odd[:2]] == ["suspect: 460 2020-11-11", "bad: 460 2020-12-16"]
    assert "spikes: 1, of up to " in odd[0]
    assert odd[1].startswith("bad: 460 2020-12-16 (Madrid): values out of range: 9, by up to 6000; steps too large: 1")
    assert odd[1].endswith(", area 8741")
    assert len(odd) == 9
    assert checks["quality"].notes == ("544 area 8742: 1 entry landed, the area is not registered",)
    lately = {one.name: one for one in check(copy, days=20).checks}
    assert [problem.key for problem in lately["quality"].problems if " 460 " in problem.key] == [
        "bad 460 8741 2020-12-16"
    ]
    assert lately["completeness"].ok


def test_a_span_without_any_value_is_one_problem(warehouses: Makers, tmp_path: Path) -> None:
    copy = warehouses.judged(tmp_path)
    judged.land(copy, 1775, "2019-08-01", "2019-10-31", {}, extracted="2021-06-02 10:00")
    copy.run("--select", "+quality_findings")
    [completeness] = [one for one in check(copy).checks if one.name == "completeness"]
    assert [(problem.key, problem.text) for problem in completeness.problems if " 1775 " in problem.key] == [
        (
            "gap 1775 8741 2019-07-31 22:00",
            "missing: 1775 2019-07-31 22:00 … 2019-10-31 22:00 UTC (2209 hours), area 8741",
        )
    ]


def test_a_forecast_that_alerts_fails_the_check_and_a_warning_does_not(warehouses: Makers, tmp_path: Path) -> None:
    copy = warehouses.judged(tmp_path)
    told = {one.name: one for one in check(copy).checks}["forecasts"]
    assert told.ok
    copy.execute(
        "insert into raw_esios.predictions select 'mine', 1293, period_start_utc, 2 * value, '2020-12-29'"
        " from quality_esios.indicator_hours where indicator_id = 1293 and madrid_day = '2020-12-31'"
    )
    told = {one.name: one for one in check(copy).checks}["forecasts"]
    assert [problem.key for problem in told.problems] == ["forecast mine 1293"]
    assert told.problems[0].text.startswith("mine on 2020-12-31: MAPE 100 %, limit 10 %; bias 100 % of the mean")


def test_metrics_are_prometheus_text_and_replace_the_old_file_whole(good: Warehouse, tmp_path: Path) -> None:
    file = tmp_path / "esios.prom"
    file.write_text("old")
    note_run(good, "2021-06-05 11:00", "failed", error="x")
    check(good, metrics=file)
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(file.read_text("utf-8"))
        for sample in family.samples
    }
    assert found[("esios_check_ok",)] == 0
    assert found[("esios_check_exit_code",)] == 1
    assert found[("esios_check_problems", "last_run")] == 1
    assert found[("esios_check_problems", "quality")] == 0
    assert found[("esios_last_run_ok", "460")] == 0
    assert found[("esios_missing_hours", "460")] == 0
    assert found[("esios_days", "460", "good")] == 24
    assert found[("esios_last_answer_timestamp_seconds", "460")] == 1622869200  # 2021-06-05T05:00:00Z
    assert [path.name for path in tmp_path.glob("esios.prom*")] == ["esios.prom"]


def test_a_metrics_file_that_cannot_be_written_hides_nothing(good: Warehouse, tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "a file").touch()
    report = check(good, metrics=tmp_path / "a file" / "such.prom", say=said.append)
    assert report.state == "ok"
    assert len(said) == 1
    assert "cannot write the metrics file" in said[0]


def test_the_webhook_hears_of_each_change_once(good: Warehouse, webhook: Webhook) -> None:
    def look() -> None:
        check(good, notify_url=webhook.url)

    look()
    assert webhook.told == []  # nothing is wrong, and nothing was before
    note_run(good, "2021-06-05 11:00", "failed", error="boom")
    look()
    look()
    assert [(told["state"], told["state_before"]) for told in webhook.told] == [("failing", "ok")]
    assert webhook.told[0]["new"] == ["460: the run of 2021-06-05 11:00:00 UTC failed: boom"]
    # Another problem while the first lasts is news; that the first goes on is not.
    good.execute("update quality_esios.dbt_results set status = 'error' where name = 'daily_quality'")
    look()
    look()
    assert [told["new"] for told in webhook.told[1:]] == [["daily_quality failed: see the output of dbt"]]
    note_run(good, "2021-06-05 11:30", "succeeded")
    good.execute("update quality_esios.dbt_results set status = 'success'")
    look()
    look()
    assert len(webhook.told) == 3
    assert (webhook.told[2]["state"], webhook.told[2]["problems"]) == ("ok", 0)
    assert webhook.told[2]["gone"] == ["build daily_quality", "last-run 460"]


def test_a_webhook_that_fails_hides_nothing_shows_no_secret_and_is_tried_again(
    good: Warehouse, webhook: Webhook
) -> None:
    note_run(good, "2021-06-05 11:00", "failed", error="boom")
    said: list[str] = []
    for webhook.status in (500, 307):
        report = check(good, notify_url=webhook.url, say=said.append)
        assert report.exit_code == 1
    assert [line.split(":")[1].strip() for line in said] == ["the webhook returned 500", "the webhook returned 307"]
    webhook.status = 200
    check(good, notify_url=webhook.url, say=said.append)
    check(good, notify_url=webhook.url, say=said.append)
    assert len(webhook.told) == 3
    webhook.server.shutdown()
    webhook.server.server_close()
    note_run(good, "2021-06-05 11:30", "succeeded")
    assert check(good, notify_url=webhook.url, say=said.append).exit_code == 0
    assert "could not be reached (ConnectionError)" in said[-1]
    everything = "\n".join(said) + "".join(
        path.read_text("utf-8", "replace") for path in good.path.parent.glob("*.json")
    )
    assert SECRET not in everything


@pytest.mark.parametrize(
    "url", ["ftp://host/T0PSECRET", "T0PSECRET", "http://", "http://[T0PSECRET", "http://h:T0PSECRET"]
)
def test_an_invalid_address_is_refused_before_anything_and_not_shown(good: Warehouse, url: str) -> None:
    with pytest.raises(UsageError) as refused:
        check(good, notify_url=url)
    assert "not a valid http(s) address" in str(refused.value)
    assert SECRET not in str(refused.value)


def test_a_warehouse_that_is_gone_is_reported_to_the_webhook_and_in_the_metrics(
    tmp_path: Path, webhook: Webhook, good: Warehouse
) -> None:
    good.path.write_bytes(b"no database at all" * 1000)
    code, _, err = command(good, "check", "--metrics", str(tmp_path / "m.prom"), env={"ESIOS_NOTIFY_URL": webhook.url})
    assert code == 5
    assert "Traceback" not in err
    assert [told["state"] for told in webhook.told] == ["failing"]
    assert webhook.told[0]["exit_code"] == 5
    assert "esios_check_exit_code 5.0" in (tmp_path / "m.prom").read_text("utf-8")


def command(warehouse: Warehouse, *arguments: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    """`esios …` as a process of its own: exit code, stdout, stderr."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ESIOS_", "DBT_", "MSSQL_"))}
    environment = {**clean, "ESIOS_DUCKDB_PATH": str(warehouse.path), **(env or {})}
    done = subprocess.run(
        [sys.executable, "-m", "extract", *arguments], env=environment, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout, done.stderr


def test_the_command_ends_with_1_and_reports_to_people_and_programs(good: Warehouse) -> None:
    note_run(good, "2021-06-05 11:00", "failed", error="boom")
    code, out, err = command(good, "check", "--json")
    told = json.loads(out)
    assert (code, told["exit_code"], told["state"], err) == (1, 1, "failing", "")
    [runs] = [one for one in told["checks"] if one["name"] == "last run"]
    assert runs["problems"] == [{"key": "last-run 460", "text": "460: the run of 2021-06-05 11:00:00 UTC failed: boom"}]
    assert told["indicators"][0]["good_days"] == 24


def test_without_a_warehouse_the_command_ends_with_2_and_says_how_to_make_one(
    warehouses: Makers, tmp_path: Path
) -> None:
    nowhere = warehouses.empty(tmp_path)
    nowhere.path.unlink()
    code, out, err = command(nowhere, "check")
    assert (code, out) == (2, "")
    assert "make one with `make run`" in err
    empty = warehouses.empty(tmp_path)
    code, out, _ = command(empty, "check")
    assert code == 1
    assert "no extract has run yet: run `esios extract`" in out

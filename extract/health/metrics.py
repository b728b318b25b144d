"""A check's report in Prometheus' text format, for node_exporter's textfile collector."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from extract.errors import UsageError
from extract.files import output_path, written
from extract.health.report import Report

_OF_INDICATORS = {
    "last_answer_at_utc": ("esios_last_answer_timestamp_seconds", "When the newest response for the indicator came"),
    "newest_period_start_utc": ("esios_newest_period_timestamp_seconds", "Start of the newest period with a value"),
    "last_run_started_at_utc": ("esios_last_run_timestamp_seconds", "When the last run for the indicator began"),
    "missing_hours": ("esios_missing_hours", "Hours that are due and missing"),
}
_OF_FORECASTS = {
    "mae": "Mean absolute error of the newest judged day, in the unit of the values",
    "rmse": "Root mean squared error of the newest judged day, in the unit of the values",
    "mape": "Mean absolute percentage error of the newest judged day, as a share",
    "bias": "Mean error of the newest judged day, in the unit of the values",
    "skill": "Skill of the newest judged day against persistence, 1 is perfect, 0 no better",
    "coverage": "Predictions there / predictions due, of the newest judged day",
}


def write_metrics(report: Report, path: Path) -> None:
    """Write every gauge; `UsageError` if the file cannot be written, the old one then stays."""
    try:
        with written(output_path(path)) as file:
            file.write(generate_latest(gauges(report)))
    except OSError as error:
        raise UsageError(
            f"cannot write the metrics file {path} ({error.strerror})", "give --metrics a file where you may write"
        ) from None


def gauges(report: Report) -> CollectorRegistry:
    """The report as gauges; times in seconds since 1970."""
    registry = CollectorRegistry()

    def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(name, text, labels, registry=registry)

    gauge("esios_check_ok", "1 if the check found nothing").set(report.state == "ok")
    gauge("esios_check_exit_code", "Exit code of the check").set(report.exit_code)
    gauge("esios_check_timestamp_seconds", "When the check was made").set(_seconds(report.checked_at_utc))
    problems = gauge("esios_check_problems", "Problems found, by check", ("check",))
    for check in report.checks:
        problems.labels(check.name.replace(" ", "_")).set(len(check.problems))
    for fact, (name, text) in _OF_INDICATORS.items():
        known = {row["id"]: row[fact] for row in report.indicators if row.get(fact) is not None}
        if known:
            one = gauge(name, text, ("indicator",))
            for indicator, value in known.items():
                one.labels(str(indicator)).set(_seconds(value))
    if report.indicators:
        ended = gauge("esios_last_run_ok", "1 if the last run succeeded or is under way", ("indicator",))
        days = gauge("esios_days", "Days judged, by verdict", ("indicator", "verdict"))
        for row in report.indicators:
            ended.labels(str(row["id"])).set(row["last_run_status"] in ("succeeded", "running"))
            for verdict in ("good", "suspect", "bad"):
                if f"{verdict}_days" in row:
                    days.labels(str(row["id"]), verdict).set(row[f"{verdict}_days"])
    if report.build is not None:
        gauge("esios_last_build_ok", "1 if the last run of dbt broke nothing").set(not report.build["broken"])
        began = _seconds(report.build["started_at_utc"])
        gauge("esios_last_build_timestamp_seconds", "When the last run of dbt began").set(began)
    for measure, text in _OF_FORECASTS.items():
        judged = [row for row in report.forecasts if row.get(measure) is not None]
        if judged:
            one = gauge(f"esios_forecast_{measure}", text, ("forecast", "actual"))
            for row in judged:
                one.labels(row["forecast"], str(row["actual_indicator_id"])).set(row[measure])
    return registry


def _seconds(value: Any) -> float:
    return value.replace(tzinfo=UTC).timestamp() if isinstance(value, datetime) else float(value)

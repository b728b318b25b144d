"""What can go wrong on the way, on demand: every kind of fault, and what it does to a response.

A rule is made with one of the functions below and given to `simulator.serve(faults=[…])`, to `server.add(…)`, to
`--fault`, or as JSON to `POST /_faults`:

    status(503, retry_after=2, times=3)          the next three responses are 503
    cut_body(nth=2)                              only the second request's body breaks off
    times_four("2022-05-24T12:00", indicator=460)
    firewall(probability=0.1, seed=7)

Every function takes the same keywords to say which requests are meant: `times` (how often at most), `nth` (a number or
a list, counted from 1 among the requests that the rule matches otherwise), `probability` with `seed`, `path` (a regular
expression), `indicator` (an id), `covering` (an instant that the asked range holds). Instants are ISO texts, naive ones
Madrid time. Of the rules that settle a whole response one strikes per request, in the order given; changes to the
document add up.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any

from simulator.rules import Document, Edit, Fault, Reply, instant, new_rule

Entry = dict[str, Any]

FORBIDDEN_JSON = b'{"Status": 403, "message": "Forbidden"}'
DENIED_TEXT = b"HTTP Token: Access denied.\n"
FIREWALL_HTML = (
    b'<html style="height:100%"><head><META NAME="ROBOTS" CONTENT="NOINDEX, NOFOLLOW"><title>Request failed</title>'
    b'</head><body style="margin:0px;height:100%"><iframe id="main-iframe" src="/_Incapsula_Resource?CWUDNSAI=24">'
    b"Request unsuccessful. Incapsula incident ID: 1219000730123456789-98765432109876543</iframe></body></html>"
)
MAINTENANCE_HTML = (
    b'<!DOCTYPE html><html lang="es"><head><title>e\xc2\xb7sios</title></head><body>'
    b"<h1>Estamos realizando tareas de mantenimiento</h1><p>Disculpe las molestias.</p></body></html>"
)
GATEWAY_HTML = b"<html><body><h1>504 Gateway Time-out</h1>The server didn't respond in time.</body></html>"
# Texts that JSON's own writer would not write; put into the body after it is written.
_RAW = "\u0001raw:"


# --- other responses --------------------------------------------------------------------------------------------------


def status(
    code: int = 503,
    *,
    retry_after: float | None = None,
    retry_date: float | None = None,
    body: str | None = None,
    **which: Any,
) -> Fault:
    """Respond with this status code. `retry_after`: seconds; `retry_date`: the same, sent as an HTTP date."""
    headers: tuple[tuple[str, str], ...] = ()
    if retry_after is not None:
        headers = (("Retry-After", f"{retry_after:g}"),)
    elif retry_date is not None:
        # Filled in when it is sent: the date counts from then.
        headers = (("Retry-After", f"date:{retry_date:g}"),)
    text = body if body is not None else json.dumps({"status": code, "message": "Simulated fault"})
    settings = {"code": code, "retry_after": retry_after, "retry_date": retry_date, "body": body}
    return new_rule("status", which, settings, reply=Reply(code, text.encode(), headers=headers))


def retry_date(seconds: float, now: datetime | None = None) -> str:
    """The HTTP date so many seconds from `now` (real time by default: clients compare it with their own clock)."""
    return format_datetime((now or datetime.now(UTC)) + timedelta(seconds=seconds), usegmt=True)


def firewall(**which: Any) -> Fault:
    """403 by the firewall: an HTML page with an Incapsula incident id. The key is fine."""
    return new_rule("firewall", which, {}, reply=Reply(403, FIREWALL_HTML, "text/html"))


def key_refused(**which: Any) -> Fault:
    """403 as JSON: the key is bad."""
    return new_rule("key_refused", which, {}, reply=Reply(403, FORBIDDEN_JSON))


def unauthorized(**which: Any) -> Fault:
    """401: access denied."""
    return new_rule("unauthorized", which, {}, reply=Reply(401, DENIED_TEXT, "text/plain"))


def html(code: int = 200, **which: Any) -> Fault:
    """A maintenance page in place of JSON, with status 200."""
    return new_rule("html", which, {"code": code}, reply=Reply(code, MAINTENANCE_HTML, "text/html; charset=utf-8"))


def text(body: str | bytes = "", content_type: str = "application/json; charset=utf-8", **which: Any) -> Fault:
    """200 with exactly this body: empty, no JSON, half a JSON, another document."""
    content = body.encode() if isinstance(body, str) else body
    settings = {"body": content.decode(errors="replace"), "content_type": content_type}
    return new_rule("text", which, settings, reply=Reply(200, content, content_type))


def redirect(url: str, code: int = 307, **which: Any) -> Fault:
    """A redirect to exactly this URL."""
    return new_rule("redirect", which, {"url": url, "code": code}, reply=Reply(code, headers=(("Location", url),)))


# --- broken ways ------------------------------------------------------------------------------------------------------


def latency(ms: float, **which: Any) -> Fault:
    """Wait so long before the response."""
    return new_rule("latency", which, {"ms": ms}, transport="latency", amount=float(ms) / 1000)


def hang(seconds: float = 3600, **which: Any) -> Fault:
    """Say nothing for so long, then close the connection: a read time-out for the client."""
    return new_rule("hang", which, {"seconds": seconds}, transport="hang", amount=seconds)


def reset_connection(**which: Any) -> Fault:
    """Close the connection without a response."""
    return new_rule("reset_connection", which, {}, transport="reset_connection")


def cut_body(share: float = 0.5, **which: Any) -> Fault:
    """Promise the whole body (Content-Length), send this share of it, close."""
    return new_rule("cut_body", which, {"share": share}, transport="cut_body", amount=share)


def broken_chunked(share: float = 0.5, **which: Any) -> Fault:
    """Send the body in chunks and break off within one."""
    return new_rule("broken_chunked", which, {"share": share}, transport="broken_chunked", amount=share)


def broken_gzip(**which: Any) -> Fault:
    """Say that the body is gzip and send it damaged."""
    return new_rule("broken_gzip", which, {}, transport="broken_gzip")


def huge_body(megabytes: float = 65, **which: Any) -> Fault:
    """200 with a JSON body of so many MB, streamed without Content-Length: valid to its end, and far too long."""
    return new_rule("huge_body", which, {"megabytes": megabytes}, transport="huge_body", amount=megabytes)


def slow_body(seconds: float = 5, **which: Any) -> Fault:
    """Send the body in drips over so many seconds."""
    return new_rule("slow_body", which, {"seconds": seconds}, transport="slow_body", amount=seconds)


# --- other documents --------------------------------------------------------------------------------------------------


def edit(change: Edit, *, kind: str = "edit", settings: Mapping[str, Any] | None = None, **which: Any) -> Fault:
    """Send what `change(document)` gives back, the document being the parsed response."""
    return new_rule(kind, which, settings or {}, edit=change)


def _edit_values(change: Edit, kind: str, settings: Mapping[str, Any], which: Mapping[str, Any]) -> Fault:
    """An edit of responses with values; those of the catalogue, or of a range without the instant `at`, stay."""

    meant: dict[str, Any] = {"path": r"^/indicators/\d+"}
    if isinstance(settings.get("at"), str):
        meant["covering"] = settings["at"]
    return new_rule(kind, {**meant, **which}, settings, edit=change)


def _values(change: Callable[[list[Entry]], Any]) -> Edit:
    """An edit of the values list; what `change` returns takes its place."""

    def apply(document: Document) -> Document:
        document["indicator"]["values"] = change(document["indicator"]["values"])
        return document

    return apply


def _at(entries: Sequence[Entry], at: str | float | None) -> list[Entry]:
    """The entries of that instant; without one, the first entry."""
    if at is None:
        return list(entries[:1])
    wanted = instant(at)
    return [entry for entry in entries if instant(entry["tz_time"]) == wanted]


def _each(at: str | float | None, change: Callable[[Entry], None]) -> Edit:
    def apply(entries: list[Entry]) -> list[Entry]:
        for entry in _at(entries, at):
            change(entry)
        return entries

    return _values(apply)


def no_indicator(**which: Any) -> Fault:
    """JSON without the key `indicator`."""
    return _edit_values(lambda _: {"message": "ok"}, "no_indicator", {}, which)


def values_not_list(**which: Any) -> Fault:
    """`values` is an object."""
    return _edit_values(_values(lambda entries: {"0": entries[:1]}), "values_not_list", {}, which)


def empty_values(**which: Any) -> Fault:
    """No data: `values_updated_at` null and no values."""

    def apply(document: Document) -> Document:
        document["indicator"].update(values_updated_at=None, values=[])
        return document

    return _edit_values(apply, "empty_values", {}, which)


def other_id(id: int = 461, **which: Any) -> Fault:
    """The response says that it is another indicator's."""

    def apply(document: Document) -> Document:
        document["indicator"]["id"] = id
        return document

    return _edit_values(apply, "other_id", {"id": id}, which)


def missing_datetime(at: str | None = None, field: str = "datetime", **which: Any) -> Fault:
    """An entry without its `datetime` (or another field)."""
    change = _each(at, lambda entry: entry.pop(field, None))
    return _edit_values(change, "missing_datetime", {"at": at, "field": field}, which)


def set_value(value: Any, at: str | None = None, *, kind: str = "set_value", **which: Any) -> Fault:
    """An entry's value is this: a number, None, a text, a list …"""
    return _edit_values(_each(at, lambda entry: entry.update(value=value)), kind, {"value": value, "at": at}, which)


def raw_value(token: str, at: str | None = None, *, kind: str = "raw_value", **which: Any) -> Fault:
    """An entry's value is this very text in the body, unquoted: NaN, Infinity, 1e400, 00012 …"""
    change = _each(at, lambda entry: entry.update(value=_RAW + token))
    return _edit_values(change, kind, {"token": token, "at": at}, which)


def nan(at: str | None = None, **which: Any) -> Fault:
    """A bare NaN, which is not valid JSON."""
    return raw_value("NaN", at, kind="nan", **which)


def overflow(at: str | None = None, **which: Any) -> Fault:
    """1e400: JSON, but no float64."""
    return raw_value("1e400", at, kind="overflow", **which)


def null(at: str | None = None, **which: Any) -> Fault:
    """A null value."""
    return set_value(None, at, kind="null", **which)


def words(at: str | None = None, value: str = "n/d", **which: Any) -> Fault:
    """A text in place of a number."""
    return set_value(value, at, kind="words", **which)


def negative(at: str | None = None, value: float = -1.0, **which: Any) -> Fault:
    """A negative value."""
    return set_value(value, at, kind="negative", **which)


def times_four(since: str, factor: float = 4, **which: Any) -> Fault:
    """From this instant on every value is four times too high."""
    limit = instant(since)

    def apply(entries: list[Entry]) -> list[Entry]:
        for entry in entries:
            if instant(entry["tz_time"]) >= limit:
                entry["value"] *= factor
        return entries

    return _edit_values(_values(apply), "times_four", {"since": since, "factor": factor}, which)


def duplicates(at: str | None = None, difference: float = 500.0, **which: Any) -> Fault:
    """An hour is there twice; the second value differs by `difference` (0: the same)."""

    def apply(entries: list[Entry]) -> list[Entry]:
        return entries + [{**entry, "value": entry["value"] + difference} for entry in _at(entries, at)]

    return _edit_values(_values(apply), "duplicates", {"at": at, "difference": difference}, which)


def unsorted(order: int = 1, **which: Any) -> Fault:
    """The values in a shuffled order."""

    def apply(entries: list[Entry]) -> list[Entry]:
        shuffled = list(entries)
        Random(order).shuffle(shuffled)  # noqa: S311
        return shuffled

    return _edit_values(_values(apply), "unsorted", {"order": order}, which)


def several_areas(areas: Sequence[Sequence[Any]] = ((8742, "Canarias"), (8743, "Baleares")), **which: Any) -> Fault:
    """Each hour comes for these further areas too (a twentieth of the value), interleaved."""

    def apply(entries: list[Entry]) -> list[Entry]:
        mixed: list[Entry] = []
        for number, entry in enumerate(entries):
            others = [
                {**entry, "value": round(entry["value"] / 20), "geo_id": int(geo_id), "geo_name": name}
                for geo_id, name in areas
            ]
            together = [*others, entry] if number % 2 else [entry, *others]
            mixed.extend(together)
        return mixed

    return _edit_values(_values(apply), "several_areas", {"areas": [list(area) for area in areas]}, which)


def dropped_hours(at: str | Sequence[str] | None = None, hours: int = 1, **which: Any) -> Fault:
    """These hours (or `hours` of them from one instant on) are left out; without an instant, the last ones."""
    starts = [] if at is None else [at] if isinstance(at, str) else list(at)
    gone = [(instant(start), instant(start) + hours * 3600) for start in starts]

    def apply(entries: list[Entry]) -> list[Entry]:
        if not gone:
            return entries[: max(0, len(entries) - hours)]
        return [entry for entry in entries if not any(low <= instant(entry["tz_time"]) < high for low, high in gone)]

    return _edit_values(_values(apply), "dropped_hours", {"at": at, "hours": hours}, which)


def revised_hours(
    at: str | Sequence[str] | None = None, difference: float = 100.0, updated_at: str | None = None, **which: Any
) -> Fault:
    """These hours' values (all without `at`) differ by `difference`, as after a revision; `updated_at`: its stamp."""
    wanted = None if at is None else {instant(one) for one in ([at] if isinstance(at, str) else at)}

    def apply(document: Document) -> Document:
        for entry in document["indicator"]["values"]:
            if wanted is None or instant(entry["tz_time"]) in wanted:
                entry["value"] += difference
        if updated_at is not None:
            document["indicator"]["values_updated_at"] = updated_at
        return document

    return _edit_values(apply, "revised_hours", {"at": at, "difference": difference, "updated_at": updated_at}, which)


def wrong_datetime_utc(hours: float = -1, offset: str = "", **which: Any) -> Fault:
    """Every `datetime_utc` is off by `hours`; with `offset` ("+00:00") it carries that in place of Z."""

    def change(entry: Entry) -> None:
        moment = datetime.fromtimestamp(instant(entry["tz_time"]) + hours * 3600, UTC)
        entry["datetime_utc"] = moment.strftime("%Y-%m-%dT%H:%M:%S") + (offset or "Z")

    def apply(entries: list[Entry]) -> list[Entry]:
        for entry in entries:
            change(entry)
        return entries

    return _edit_values(_values(apply), "wrong_datetime_utc", {"hours": hours, "offset": offset}, which)


def contradicting_offset(at: str | None = None, offset: str = "+05:00", **which: Any) -> Fault:
    """An entry's `datetime` carries an offset that contradicts its `tz_time`."""
    change = _each(at, lambda entry: entry.update(datetime=entry["datetime"][:-6] + offset))
    return _edit_values(change, "contradicting_offset", {"at": at, "offset": offset}, which)


def set_field(name: str, value: Any, at: str | None = None, **which: Any) -> Fault:
    """An entry's field is this."""
    change = _each(at, lambda entry: entry.update({name: value}))
    return _edit_values(change, "set_field", {"name": name, "value": value, "at": at}, which)


def catalogue_without(name: str, **which: Any) -> Fault:
    """The catalogue without the indicator of this name."""

    def apply(document: Document) -> Document:
        document["indicators"] = [entry for entry in document["indicators"] if entry["name"] != name]
        return document

    return new_rule("catalogue_without", {"path": "^/indicators/?$", **which}, {"name": name}, edit=apply)


def written(document: Document) -> bytes:
    """The document as a body; raw tokens unquoted."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    if "\\u0001raw:" in body:
        body = re.sub(r'"\\u0001raw:([^"]*)"', r"\1", body)
    return body.encode()


KINDS: dict[str, Callable[..., Fault]] = {
    made.__name__: made
    for made in (
        status, firewall, key_refused, unauthorized, html, text, redirect, latency, hang, reset_connection, cut_body,
        broken_chunked, broken_gzip, huge_body, slow_body, no_indicator, values_not_list, empty_values, other_id,
        missing_datetime, set_value, raw_value, nan, overflow, null, words, negative, times_four, duplicates, unsorted,
        several_areas, dropped_hours, revised_hours, wrong_datetime_utc, contradicting_offset, set_field,
        catalogue_without,
    )
}  # fmt: skip


def from_json(rule: Mapping[str, Any]) -> Fault:
    """A rule from `{"kind": …, …}`; `ValueError` says what is wrong with it."""
    settings = dict(rule)
    kind = settings.pop("kind", None)
    if kind not in KINDS:
        raise ValueError(f"no fault is called {kind!r}; there are {', '.join(sorted(KINDS))}")
    try:
        return KINDS[kind](**settings)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{kind}: {error}") from None


def parse(text: str) -> Fault:
    """A rule from the command line: a JSON object, or KIND[:VALUE][,NAME=VALUE…], the value being the first setting.

    `status:503,times=2`, `cut_body:0.3`, `times_four:2022-05-24T12:00`, `firewall,nth=1`.
    """
    if text.lstrip().startswith("{"):
        try:
            return from_json(json.loads(text))
        except json.JSONDecodeError as error:
            raise ValueError(f"no JSON object: {error}") from None
    head, *pairs = text.split(",")
    kind, _, first = head.partition(":")
    rule: dict[str, Any] = {"kind": kind.strip()}
    if first:
        made = KINDS.get(rule["kind"])
        names = list(inspect.signature(made).parameters) if made else []
        if not names or names[0] == "which":
            raise ValueError(
                f"{kind} takes no value"
                if made
                else f"no fault is called {kind!r}; there are {', '.join(sorted(KINDS))}"
            )
        rule[names[0]] = _scalar(first)
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{pair!r} is not of the form NAME=VALUE")
        rule[name.strip()] = _scalar(value)
    return from_json(rule)


def _scalar(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text

"""The table of faults: what goes wrong, what the user sees, what remains. The tests assert its rows, docs/ shows it.

`python -m tests.faults.table` writes docs/faults.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.conftest import Finished

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"


@dataclass(frozen=True)
class Fault:
    """One row. `says` are the parts of the message that the tests look for, in order; `code` is the exit code."""

    what: str
    code: int
    says: tuple[str, ...]
    remains: str

    def check(self, finished: Finished) -> None:
        """The command ended as the table says: with this code, these words, and no traceback."""
        printed = finished.err + finished.out
        assert finished.code == self.code, printed
        assert "Traceback" not in printed
        at = 0
        for part in self.says:
            assert part in printed[at:], f"{part!r} is not in {printed[at:]!r}"
            at = printed.index(part, at) + len(part)


AGAIN = "what was landed stays; run the same command again later to fetch the rest"
NEXT_FILLS = "The windows that were fetched stay landed; the next plain run fetches the others"
NOTHING = "Nothing is landed; the next plain run lands everything"
PASSED = "Everything is landed"

API = {
    "500 now and then": Fault("500 now and then", 0, ("windows fetched",), PASSED),
    "502 now and then": Fault("502 now and then", 0, ("windows fetched",), PASSED),
    "503 now and then": Fault("503 now and then", 0, ("windows fetched",), PASSED),
    "504 now and then": Fault("504 now and then", 0, ("windows fetched",), PASSED),
    "500 for good": Fault("500 for good", 4, ("after 4 attempts", "HTTP 500", AGAIN), NEXT_FILLS),
    "502 for good": Fault("502 for good", 4, ("after 4 attempts", "HTTP 502", AGAIN), NEXT_FILLS),
    "503 for good": Fault("503 for good", 4, ("after 4 attempts", "HTTP 503", AGAIN), NEXT_FILLS),
    "504 for good": Fault("504 for good", 4, ("after 4 attempts", "HTTP 504", AGAIN), NEXT_FILLS),
    "429 in seconds": Fault("429, `Retry-After` in seconds", 0, ("windows fetched",), PASSED + ", later as asked"),
    "429 as a date": Fault("429, `Retry-After` as a date", 0, ("windows fetched",), PASSED + ", later as asked"),
    "429 for too long": Fault(
        "429, `Retry-After` beyond our patience", 4, ("asked us to wait 7200 s", "HTTP 429", AGAIN), NEXT_FILLS
    ),
    "429 in the past": Fault("429, `Retry-After` as a date that is past", 0, ("windows fetched",), PASSED),
    "refused": Fault("Connection refused", 4, ("no connection", "Connection refused", AGAIN), NOTHING),
    "no such host": Fault("The host's name is not known (DNS)", 4, ("no connection", AGAIN), NOTHING),
    "certificate": Fault(
        "TLS certificate refused", 4, ("certificate", "was refused", "set REQUESTS_CA_BUNDLE"), NOTHING
    ),
    "connect time-out": Fault("No connection in time", 4, ("no connection or no response in time", AGAIN), NOTHING),
    "read time-out": Fault("No response in time", 4, ("no connection or no response in time", AGAIN), NEXT_FILLS),
    "trickle": Fault("A response that drips in", 4, ("trickles in too slowly", AGAIN), NOTHING),
    "dripping head": Fault(
        "Headers that drip in", 4, ("no connection or no response in time", AGAIN), NOTHING
    ),
    "reset": Fault("Connection reset", 4, ("no connection or no response in time", AGAIN), NEXT_FILLS),
    "cut": Fault("A body cut in half", 4, ("the body came cut or broken", AGAIN), NEXT_FILLS),
    "chunk": Fault("A chunked body cut within a chunk", 4, ("the body came cut or broken", AGAIN), NEXT_FILLS),
    "gzip": Fault("A broken gzip body", 4, ("the body came cut or broken", AGAIN), NEXT_FILLS),
    "gzip cut": Fault("A gzip body cut in half", 4, ("HTTP 200, but the body is not JSON", AGAIN), NEXT_FILLS),
    "204": Fault("204 or another 2xx", 4, ("HTTP 204 in place of 200", AGAIN), NEXT_FILLS),
    "html": Fault("200 with HTML", 4, ("HTTP 200, but the body is not JSON", AGAIN), NEXT_FILLS),
    "nothing": Fault("200 with nothing in it", 4, ("HTTP 200, but the body is not JSON", AGAIN), NEXT_FILLS),
    "half JSON": Fault("200 with half a JSON", 4, ("HTTP 200, but the body is not JSON", AGAIN), NEXT_FILLS),
    "NaN": Fault("A bare NaN in the body", 4, ("HTTP 200, but the body is not JSON", AGAIN), NEXT_FILLS),
    "nested": Fault("JSON nested too deep", 4, ("HTTP 200, but the body is not JSON", AGAIN), NEXT_FILLS),
    "key twice": Fault(
        "A key with two values in one object", 4, ("HTTP 200, but the body is not JSON", AGAIN), NEXT_FILLS
    ),
    "byte order mark": Fault(
        "A byte order mark before the JSON", 4, ("HTTP 200, but the body is not JSON", AGAIN), NEXT_FILLS
    ),
    "not UTF-8": Fault("A body that is not UTF-8", 4, ("HTTP 200, but the body is not JSON", AGAIN), NEXT_FILLS),
    "firewall": Fault("403 in HTML: the firewall", 4, ("firewall", "the key is fine", AGAIN), NEXT_FILLS),
    "key": Fault(
        "403 in JSON: the key", 3, ("ESIOS refused the key (403)", "set ESIOS_API_KEY in .env"),
        "What was landed before stays; with a good key the next plain run fetches the rest",
    ),
    "401": Fault(
        "401", 3, ("ESIOS refused the key (401)", "set ESIOS_API_KEY in .env"),
        "What was landed before stays; with a good key the next plain run fetches the rest",
    ),
    "307": Fault(
        "307 to another host", 4, ("redirects to another host", "the key was not sent there"),
        NEXT_FILLS + "; the other host is never asked",
    ),
    "downgrade": Fault(
        "A redirect from https to http", 4, ("redirects to another host", "the key was not sent there"),
        NEXT_FILLS + "; the other address is never asked",
    ),
    "nowhere": Fault(
        "A redirect to what is not a valid address", 4, ("redirects to what is not a valid address", AGAIN), NEXT_FILLS
    ),
    "circle": Fault("A redirect in a circle", 4, ("redirects in a circle", AGAIN), NEXT_FILLS),
    "404": Fault("404", 4, ("ESIOS returned 404", "check ESIOS_BASE_URL and the indicator"), NEXT_FILLS),
    "no indicator": Fault("JSON without `indicator`", 4, ("after 3 attempts", "no `indicator`"), NEXT_FILLS),
    "a list": Fault("JSON that is a list", 4, ("HTTP 200, but the body is not JSON", AGAIN), NEXT_FILLS),
    "values": Fault("`values` is not a list", 4, ("after 3 attempts", "`values` is not a list"), NEXT_FILLS),
    "other id": Fault("The response of another indicator", 4, ("indicator 461 instead of 460",), NEXT_FILLS),
    "no datetime": Fault("A value without `datetime`", 4, ("has no `datetime`",), NEXT_FILLS),
    "huge": Fault("A body of 200 MB", 4, ("larger than 64 MB and was not landed", "ESIOS_WINDOW=month"), NEXT_FILLS),
    "gzip bomb": Fault(
        "A small gzip body that unfolds to 200 MB", 4,
        ("larger than 64 MB and was not landed", "ESIOS_WINDOW=month"), NEXT_FILLS,
    ),
    "empty": Fault(
        "An empty response", 0, ("windows fetched",),
        "It is landed as it came; the main job reports its hours as missing, and a later response fills them",
    ),
    "no values": Fault(
        "`esios add` of an indicator without values", 1,
        ("indicator 603 cannot be registered: no values were found on", "`esios describe 603` shows what is known"),
        "The registry stays as it was",
    ),
    "catalogue": Fault(
        "A catalogue that lost the name", 1, ("no indicator of the catalogue has", "try a shorter part of the name"),
        "Nothing is written; extraction goes by the registry's id and does not notice",
    ),
}  # fmt: skip

MAKE_ROOM = "make room"
TABLE_STAYS = "What was built before stays whole"

PROCESS = {
    "kill extract": Fault(
        "`SIGKILL` during `esios extract`", -9, (),
        "Each committed window, whole; its run stays `running` in the log; the next plain run fetches the rest",
    ),
    "kill build": Fault(
        "`SIGKILL` during `dbt build`", -9, (),
        "Each model as it was before or after, never half; the next build completes the table",
    ),
    "dbt killed": Fault(
        "dbt killed within `esios run` (out of memory, say)", 5,
        ("dbt ended with signal 9 and left no results in", "what was built before stays; run it again"),
        "Each model as it was before or after, never half; the next run completes the table",
    ),
    "dbt cannot begin": Fault(
        "dbt that cannot begin (a faulty project, no way into the warehouse)", 5,
        ("dbt could not begin", "nothing was built"), "What was landed",
    ),
    "dbt unreachable": Fault(
        "`dbt` on a server or a Spark service that cannot be reached", 5, ("Database Error",),
        "Nothing is built; the password appears nowhere",
    ),
    "kill export": Fault(
        "`SIGKILL` during `esios export`", -9, (),
        "The file that was there before, whole; the next export replaces it",
    ),
    "SIGINT": Fault(
        "`SIGINT` (Ctrl-C) during `esios extract`", 130,
        ("Interrupted. Landed data is kept; run the same command again to resume.",),
        "What was landed; its run is `interrupted` in the log; the next plain run fetches the rest",
    ),
    "SIGTERM": Fault(
        "`SIGTERM` during `esios extract`", 130,
        ("Interrupted. Landed data is kept; run the same command again to resume.",),
        "What was landed; its run is `interrupted` in the log; the next plain run fetches the rest",
    ),
    "SIGINT in build": Fault(
        "`SIGINT` while `esios run` builds", 130,
        ("Interrupted. Landed data is kept; run the same command again to resume.",),
        "What was landed; " + TABLE_STAYS.lower() + "; the next plain run completes it",
    ),
    "two extracts": Fault(
        "Two extracts at once", 0, ("windows fetched",), "Each response once; the runs take turns at the file"
    ),
    "extract in build": Fault(
        "An extract during `dbt build`", 0, ("window fetched",),
        "The extract waits for the file; what it lands is in the next build",
    ),
    "held": Fault(
        "Another process holds the DuckDB file for over 60 s", 5,
        ("is held by another process", "wait for it to end, or end it, then try again"),
        "Nothing is changed; the next plain run lands everything",
    ),
    "clock": Fault(
        "The clock is set back", 0, ("windows fetched",),
        "The response that is landed last counts as the newest, whatever the clock says",
    ),
}  # fmt: skip

DISK = {
    "full": Fault(
        "The disk is full during `esios extract`", 5, ("disk is full", MAKE_ROOM),
        "Each window that was committed, whole; with room the next plain run fetches the rest",
    ),
    "full in build": Fault(
        "The disk is full during `esios run`, while it builds", 5, ("could not", "read its message above"),
        TABLE_STAYS + "; with room the next plain run completes it",
    ),
    "full in export": Fault(
        "The disk is full during `esios export`", 2, ("cannot write", "make room, or choose another place with --out"),
        "The file that was there before, whole",
    ),
    "read-only": Fault(
        "A warehouse that may only be read", 5,
        ("may not be opened by this user", "set ESIOS_DUCKDB_PATH to a file that you may read and write"),
        "Everything; `esios status` and `esios export` still work",
    ),
    "newer": Fault(
        "A DuckDB file of a newer version", 5, ("was written by another version of DuckDB", "run `make setup`"),
        "The file, untouched",
    ),
    "older": Fault(
        "A DuckDB file of a version too old", 5, ("was written by another version of DuckDB", "move the file away"),
        "The file, untouched",
    ),
    "damaged": Fault(
        "A damaged DuckDB file", 5, ("damaged", "restore it from a backup, or move it away"),
        "The file; once it is moved away the next plain run lands everything again",
    ),
    "half-made": Fault(
        "A DuckDB file that was cut off while it was made", 0, ("windows fetched",),
        "Nothing was in it: it is made again, and everything is landed",
    ),
}  # fmt: skip

QUARANTINED = (
    "The hour keeps its last good value, or is missing; the response stays landed, the entry is in quarantine with its "
    "reason; the next good response fills the hour"
)
PUBLISHED = "It is published and named as suspect; the next good response takes its place"
UNCHANGED = "The same table as without it"

VALUES = {
    "null": Fault("null", 1, ("quarantined: 460", "the value is null"), QUARANTINED),
    "text": Fault("A text", 1, ("quarantined: 460", "value n/d (the value is not a number)"), QUARANTINED),
    "NaN as a text": Fault(
        "NaN as a text", 1, ("quarantined: 460", "value NaN (the value is not a number)"), QUARANTINED
    ),
    "1e400": Fault("1e400", 1, ("quarantined: 460", "value 1e400 (the value is not a number)"), QUARANTINED),
    "10^400": Fault(
        "An integer of 401 digits", 1, ("quarantined: 460", "(the value is not a number)"), QUARANTINED
    ),
    "boolean": Fault("true", 1, ("quarantined: 460", "value true (the value is not a number)"), QUARANTINED),
    "infinity": Fault("Infinity as a text", 1, ("quarantined: 460", "(the value is not a number)"), QUARANTINED),
    "object": Fault("An object for a number", 1, ("quarantined: 460", "(the value is not a number)"), QUARANTINED),
    "negative": Fault("A negative value", 1, ("suspect: 460", "-5 MW (out of range)"), PUBLISHED),
    "four times": Fault(
        "Four times too high from one moment on (the sum trap)", 1, ("suspect: 460", "(out of range)"), PUBLISHED
    ),
    "two values": Fault(
        "Two values for one hour in one response", 1, ("quarantined: 460", "two values for one period in one response"),
        QUARANTINED,
    ),
    "the same twice": Fault("One hour twice with the same value", 1, ("── summary",), UNCHANGED),
    "number as text": Fault("A number as a text", 1, ("── summary",), UNCHANGED),
    "unsorted": Fault("Unsorted", 1, ("── summary",), UNCHANGED),
    "areas": Fault(
        "Areas that are not registered", 1, ("── summary",),
        "The registered area is published; the others stay in the landed response",
    ),
    "datetime_utc": Fault("`datetime_utc` wrong", 1, ("── summary",), UNCHANGED + ": it is not read"),
    "offset": Fault(
        "An offset that contradicts the zone", 1, ("quarantined: 460", "the offset contradicts Europe/Madrid"),
        QUARANTINED,
    ),
    "time as a number": Fault(
        "A time as seconds since 1970", 1, ("quarantined: 460 1487000000", "the time cannot be read"), QUARANTINED
    ),
    "off the hour": Fault(
        "An instant off the hour", 1, ("quarantined: 460", "the instant is off the cadence"), QUARANTINED
    ),
    "quarters": Fault(
        "Quarter hours where hours were asked for", 1, ("quarantined: 460", "the period comes in parts"), QUARANTINED
    ),
    "no offset": Fault("A time without offset", 1, ("quarantined: 460", "the time cannot be read"), QUARANTINED),
    "vanished": Fault(
        "An hour that vanishes in a later response", 1, ("withdrawn: 460", "left out of the newest response"),
        "The last good value; it is named until a response has the hour again",
    ),
    "beyond its window": Fault(
        "Values beyond the window that was asked for", 0, ("59 of 59 windows fetched",),
        "Inside a window that was asked for, the response to that window is published, whatever the order of arrival",
    ),
    "revision": Fault(
        "A revision of a year-old hour", 0, ("2 of 2 windows fetched, 1 landed",),
        "Its window is closed: `--refresh` fetches it, and the next build changes that hour alone",
    ),
}  # fmt: skip

UNTOUCHED = "Everything as it was; nothing was requested"

INPUT = {
    "no key": Fault("`ESIOS_API_KEY` missing or empty", 2, ("ESIOS_API_KEY is not set", "into .env"), UNTOUCHED),
    "blank key": Fault("`ESIOS_API_KEY` blank", 2, ("ESIOS_API_KEY is not set", "into .env"), UNTOUCHED),
    "key with a line break": Fault(
        "A key with a line break", 2, ("ESIOS_API_KEY holds a character no token has", "copy it again"), UNTOUCHED
    ),
    "plain http": Fault(
        "Plain http to another machine", 2, ("would send the key in plain text", "set it to https://"), UNTOUCHED
    ),
    "no address": Fault("An address without scheme", 2, ("not an http(s) address", "set it to https://"), UNTOUCHED),
    "credentials in the address": Fault(
        "An address with a password in it", 2,
        ("must not contain credentials, a query or a fragment", "set it to https://"), UNTOUCHED,
    ),
    "port of the address": Fault(
        "An address whose port is not a number", 2,
        ("ESIOS_BASE_URL is not a valid address", "set it to https://"), UNTOUCHED,
    ),
    "port": Fault(
        "`MSSQL_PORT` is not a number", 2,
        ("MSSQL_PORT is 'abc'", "set it to a whole number from 1 to 65535"), UNTOUCHED,
    ),
    "port out of range": Fault(
        "`MSSQL_PORT` out of range", 2, ("MSSQL_PORT is '65536'", "set it to a whole number from 1 to 65535"), UNTOUCHED
    ),
    "no server": Fault("A variable missing or empty", 2, ("MSSQL_SERVER is not set", ".env.example"), UNTOUCHED),
    "no password": Fault(
        "Several variables missing", 2, ("MSSQL_USER, MSSQL_PASSWORD are not set", ".env.example"), UNTOUCHED
    ),
    "yes or no": Fault("Neither yes nor no", 2, ("MSSQL_ENCRYPT is 'perhaps'", "set it to yes or no"), UNTOUCHED),
    "number": Fault(
        "A setting that is not a number", 2, ("ESIOS_CONCURRENCY is 'many'", "set it to a whole number"), UNTOUCHED
    ),
    "window": Fault("An unknown window", 2, ("ESIOS_WINDOW is 'decade'", "set it to day, month"), UNTOUCHED),
    "target": Fault(
        "An unknown target", 2, ("ESIOS_TARGET is 'oracle'", "set it to one of duckdb, sqlserver"), UNTOUCHED
    ),
    "lake": Fault(
        "A lake on a storage that is not known", 2,
        ("ESIOS_LAKE begins with gs://", "set it to a folder, s3://"), UNTOUCHED,
    ),
    "credentials of the lake": Fault(
        "A lake's address with a password in it", 2,
        ("ESIOS_LAKE must not contain credentials", "put them into AWS_* or AZURE_*"), UNTOUCHED,
    ),
    "lake over http": Fault(
        "A lake over plain http on another machine", 2,
        ("AWS_ENDPOINT_URL is plain http to minio.example.com", "AWS_ALLOW_HTTP=true"), UNTOUCHED,
    ),
    "no lake to optimize": Fault(
        "`esios lake optimize` on another warehouse", 2,
        ("ESIOS_TARGET is duckdb, which has no lake", "set ESIOS_TARGET=spark"), UNTOUCHED,
    ),
    "copy to itself": Fault(
        "`esios copy-landing` to the same warehouse", 2,
        ("the landing is on duckdb already", "name another warehouse with --to"), UNTOUCHED,
    ),
    "registry": Fault(
        "An entry of the registry with a wrong key", 2,
        ("indicator 600: areas is", "write a list of area ids", "esios_indicators.yml"), UNTOUCHED,
    ),
    "indicator": Fault("An unknown indicator", 2, ("99999999", "esios add 99999999"), UNTOUCHED),
    "indicator with quotes": Fault(
        "An indicator with quotes and `;--`", 2, ("drop table x;--", "esios add"), UNTOUCHED
    ),
    "table": Fault("An unknown table", 2, ("no_such_table",), UNTOUCHED),
    "table with quotes": Fault("A table with quotes and `;--`", 2, ("drop table",), UNTOUCHED),
    "not a date": Fault(
        "A date that does not exist", 2, ("'2017-02-29' is not a valid date", "(use yyyy-mm-dd)"), UNTOUCHED
    ),
    "dates out of order": Fault(
        "Dates out of order", 2, ("--start 2018-01-02 lies after --end 2018-01-01", "swap them"), UNTOUCHED
    ),
    "start in the future": Fault("A start in the future", 2, ("lies in the future", "the last day"), UNTOUCHED),
    "end in the future": Fault("An end in the future", 2, ("lies in the future", "the last day"), UNTOUCHED),
    "start before the series": Fault(
        "A start before the series' first day (a year mistyped)", 2,
        ("--start 1917-01-01 lies before the first day of indicator 460, 2017-01-01", "check the year"), UNTOUCHED,
    ),
    "end before the series": Fault(
        "An end before the series' first day", 2,
        ("--end 1917-12-31 lies before the first day of indicator 460, 2017-01-01", "check the year"), UNTOUCHED,
    ),
    "forget unconfirmed": Fault(
        "`esios forget` without confirmation", 2,
        ("Take back 460 2017-01-01 … 2017-01-31", "not confirmed, so nothing was changed", "add --yes"), UNTOUCHED,
    ),
    "forget what is not due": Fault(
        "`esios forget` of a span that was never asked for", 2,
        ("nothing of indicator 460 from 2018-01-01 to 2018-01-31 is due", "esios status"), UNTOUCHED,
    ),
    "unknown ending": Fault("A file of unknown kind", 2, ("x.docx", "end it in .csv or .parquet"), UNTOUCHED),
    "no file": Fault("A missing file", 2, ("no-such.csv",), UNTOUCHED),
    "path": Fault(
        "A DuckDB path with `;`, `?`, `#`, or quotes in the file's name", 2,
        ("dbt cannot build there", "choose a path without ; ? #"), UNTOUCHED,
    ),
    "escaped quote": Fault(
        "A CSV file with `\\\"` in a quoted cell (Spark, MySQL)", 2,
        ("line 2: \\\" in a quoted cell may mean a quote or the end of the cell", 'write a quote as ""'), UNTOUCHED,
    ),
    "text after a quote": Fault(
        "A CSV file with text after the closing quote of a cell", 2,
        ("line 2: ',' expected after '\"'", "fix the line; nothing was written"), UNTOUCHED,
    ),
    "workbook": Fault(
        "A workbook, an archive, a database or a web page named .csv", 2,
        ("is a workbook (xlsx, ods)", "save it as CSV (UTF-8); nothing was written"), UNTOUCHED,
    ),
    "output folder": Fault(
        "An output that is a folder", 2, ("is a folder", "name a file with --out"), UNTOUCHED,
    ),
    "dbt variables": Fault(
        "`DBT_*` variables of another project (`DBT_EMPTY`, `DBT_TARGET`, `DBT_PROJECT_DIR`, …)", 0,
        ("Note: ", "DBT_EMPTY", "ignored: give dbt its options on the command line"),
        "The same table as without them: only where dbt writes (`DBT_TARGET_PATH`, `DBT_LOG_PATH`) may be set",
    ),
    "database name": Fault(
        "A DuckDB file with the name of a schema or of DuckDB's own (`main`, `temp`, `system`, `quality_esios`, …)", 2,
        ("has the name 'quality_esios'", "choose another file name"), UNTOUCHED,
    ),
    "env line": Fault(
        "A line of `.env` that is not `NAME=value`, or whose quotes can be read in two ways", 2,
        ("line 3: the quote that MSSQL_PASSWORD opens is not closed", "between two single quotes"),
        UNTOUCHED,
    ),
    "find": Fault(
        "A text to find with quotes and `;--`", 1, ("no indicator of the catalogue has", "try a shorter part"),
        "Everything as it was",
    ),
    "describe unknown": Fault(
        "`esios describe` of an indicator that the catalogue does not have", 2,
        ("the catalogue has no indicator 999999", "`esios find TEXT` lists ids and names"), UNTOUCHED,
    ),
    "add registered": Fault(
        "`esios add` of an indicator that is registered", 2,
        ("indicator 600 is registered already", "change its entry in"), UNTOUCHED,
    ),
    "add areas": Fault(
        "`esios add --areas` with an area that has no values", 2,
        ("indicator 1001 has no values for area 3", "it has 8741 Península, 8742 Canarias"), UNTOUCHED,
    ),
    "add kind": Fault(
        "`esios add --kind` with an unknown kind", 2, ("'prices' is not a valid kind", "use one of demand, price"),
        UNTOUCHED,
    ),
    "two cutoffs": Fault("Two cutoffs at once", 2, ("are two cutoffs", "leave one of them out"), UNTOUCHED),
    "rule": Fault("An invalid cutoff rule", 2, ("is not a valid rule", "use D-1T12:00"), UNTOUCHED),
    "instant": Fault("An invalid instant", 2, ("is not a valid instant", "use yyyy-mm-ddTHH:MM:SS"), UNTOUCHED),
    "area": Fault("An area that the indicator does not have", 2, ("has the area 3", "their areas are 8741"), UNTOUCHED),
    "list of areas": Fault("An invalid list of areas", 2, ("is not a list of area ids", "use ID,ID"), UNTOUCHED),
    "time zone": Fault("An unknown time zone", 2, ("is not a time zone", "use a name such as"), UNTOUCHED),
    "versions": Fault(
        "An unknown choice of versions", 2, ("is not a valid choice of versions", "use latest,"), UNTOUCHED
    ),
    "all versions wide": Fault(
        "All versions in the wide form", 2, ("room for one value a period", "use versions latest or first"), UNTOUCHED
    ),
    "table and indicator": Fault(
        "A table and an indicator to export", 2, ("are both given", "leave one of them out"), UNTOUCHED
    ),
    "no indicator to export": Fault(
        "A cutoff, a zone or a form without an indicator", 2, ("is given without --indicator", "name an indicator"),
        UNTOUCHED,
    ),
    "key column": Fault("An unknown key column", 2, ("id;--",), UNTOUCHED),
    "view": Fault(
        "A load into a view that takes no rows", 2, ("takes no rows", "load into the table behind it"), UNTOUCHED
    ),
    "beyond its type": Fault(
        "A value that its column cannot hold exactly: out of range, or too fine", 2,
        ("row 2, column 'v' of main.t (DOUBLE): '1e400' is out of range", "fix the data; nothing was written"),
        UNTOUCHED,
    ),
}  # fmt: skip

WORK = "The work, done to its end; the exit code is the work's"

STREAMS = {
    "closed": Fault("stdin, stdout or stderr closed, any of them or all", 0, ("export: 1416 rows",), WORK),
    "reader gone": Fault("A reader that has had enough (`esios status` piped into `head -1`)", 0, ("source",), WORK),
    "output full": Fault(
        "stdout on a full disk", 2, ("the output could not be written", "the work itself is done", "make room"), WORK,
    ),
    "locale": Fault(
        "A terminal in ISO 8859-15, ASCII, or of a locale that is not installed", 0, ("source",),
        WORK + "; what the terminal cannot show is written as `?`, in `--json` as an escape",
    ),
    "cron": Fault(
        "cron: an empty environment, another folder, a HOME that may not be written, an odd TZ", 0, ("source",), WORK
    ),
}  # fmt: skip

SECRET = {
    "asked": Fault("A key that the API refuses", 3, ("ESIOS refused the key",), "The key appears nowhere"),
    "unreachable": Fault("A SQL Server that cannot be reached", 5, (), "The password appears nowhere"),
}

UNWRITTEN = "Nothing is written, and an older output stays whole"

OPTIMIZATION = {
    "no CSV": Fault(
        "A workbook, a database, a web page or bzip2 named .csv", 2, ("in.csv is ", "not CSV text: "), UNWRITTEN
    ),
    "values for a header": Fault(
        "`memory.py`: a first line of values alone", 2, ("line 1: all values and no name", "--header none"), UNWRITTEN
    ),
    "two delimiters": Fault(
        "Two delimiters that cut the records alike", 2, ("line 1: ',' and ';'", "with --delimiter"), UNWRITTEN
    ),
    "CR CR LF": Fault(
        "`speed.py`: lines that end with CR CR LF",
        2,
        ("line 1: a carriage return (CR) that no line feed follows", "end the lines with LF"),
        UNWRITTEN,
    ),
    "open quote": Fault("A quote that is never closed", 2, ("line 3: a quote", "never closed"), UNWRITTEN),
    "pipe": Fault("A pipe as input", 2, ("is a pipe or a device", "save it as a file first"), UNWRITTEN),
    "another numba": Fault(
        "`speed.py --kernel compiled` with a numba that it was not written for",
        2,
        ("does not hand out object files", "pip install 'esios-elt[optimization]'", "--kernel numpy works without"),
        UNWRITTEN + "; `memory.py` loads the file, more slowly",
    ),
}

UNBUILT = "Nothing is built; what was built before stays"
SPARK = {
    "no Spark server": Fault(
        "`SPARK_REMOTE` names a server that does not run", 5,
        ("no server at SPARK_REMOTE, 127.0.0.1:", "start that server, or unset SPARK_REMOTE"), UNBUILT,
    ),
    "no Thrift server": Fault(
        "`ESIOS_SPARK_METHOD=thrift` and a server that does not run", 5,
        ("no server at ESIOS_SPARK_HOST, 127.0.0.1:", "start that server, or correct its address"), UNBUILT,
    ),
    "no Spark service": Fault(
        "`ESIOS_SPARK_SERVICE=databricks` and a host that cannot be reached", 5,
        ("no server at ESIOS_SPARK_HOST, ", "correct that address, or check the network"), UNBUILT,
    ),
    "no Spark address": Fault(
        "`SPARK_REMOTE` is not an address of Spark Connect", 2,
        ("SPARK_REMOTE is not the address of a Spark Connect server", "set it to sc://HOST:PORT"), UNBUILT,
    ),
    "another dbt run": Fault(
        "Two dbt runs at once in one lake", 5,
        ("another dbt run (process ", "is at work in the lake", "let it end, or raise ESIOS_WAREHOUSE_WAIT_S"),
        "The other run goes on; this one built nothing",
    ),
    "killed dbt run": Fault("A dbt run is killed in a lake", -9, (), "Its lock ends too; the next run completes it"),
    "Spark in another zone": Fault(
        "A Spark session whose time zone is not UTC", 2,
        ("the Spark session's time zone is Europe/London", "set spark.sql.session.timeZone to UTC"), UNBUILT,
    ),
    "format of a lake": Fault(
        "`ESIOS_SPARK_FORMAT` is not known", 2, ("ESIOS_SPARK_FORMAT is 'hudi'", "delta, iceberg"), UNBUILT
    ),
    "Spark service": Fault(
        "`ESIOS_SPARK_SERVICE` is not known", 2, ("ESIOS_SPARK_SERVICE is 'emr'", "databricks, fabric"), UNBUILT
    ),
    "method of Spark": Fault(
        "`ESIOS_SPARK_METHOD` is not known", 2, ("ESIOS_SPARK_METHOD is 'odbc'", "session, thrift"), UNBUILT
    ),
    "Iceberg on Sail": Fault(
        "`ESIOS_SPARK_FORMAT=iceberg` and no Spark with a catalogue", 2,
        ("Sail would have forgotten its Iceberg tables", "set SPARK_REMOTE or SPARK_CONF_DIR to a Spark"), UNBUILT,
    ),
    "unreadable table": Fault(
        "A table in the lake that Spark cannot read", 5,
        ("esios.of_somebody_else in the lake", "cannot be read by Spark", "check SPARK_REMOTE and ESIOS_LAKE"), UNBUILT,
    ),
    "storage out of reach": Fault(
        "The storage of a lake cannot be reached", 5,
        ("the lake s3://lake/a cannot be reached", "check ESIOS_LAKE, AWS_ENDPOINT_URL and the network"), UNTOUCHED,
    ),
    "file for a lake": Fault(
        "A file lies where the lake is to be", 5, ("in the lake", "is not a folder", "set ESIOS_LAKE to a folder"),
        UNTOUCHED,
    ),
    "damaged lake": Fault(
        "A file of a lake is missing, cut off or overwritten", 5,
        ("in the lake", "does not have each of its files whole", "run it again; if that fails too, restore"), UNTOUCHED,
    ),
    "no lake yet": Fault(
        "A lake that nothing was landed in", 2, ("there is no lake at", "make one with `make run`"), UNTOUCHED
    ),
    "newer Delta": Fault(
        "A table with deletion vectors or column mapping", 2,
        ("esios.esios_values in the lake", "needs a newer reader", "delta.enableDeletionVectors=false"), UNTOUCHED,
    ),
    "Iceberg lake": Fault(
        "`esios status`, `check`, `report`, `export` on a lake of Iceberg tables", 2,
        ("is not read from an Iceberg lake", "build with ESIOS_SPARK_FORMAT=delta"), UNTOUCHED,
    ),
}  # fmt: skip

PARTS: dict[str, tuple[str, dict[str, Fault]]] = {
    "The API": (
        "Each window is tried again before it is given up: 10 times or 300 s (4 times in these tests), JSON of another "
        "shape 3 times, what cannot pass by itself and a refused key once. A window that fails does not stop the "
        "others; four in a row do, if no response came meanwhile, and so does an API that asks for a longer wait "
        "than ours.",
        API,
    ),
    "Values": (
        "`esios run` publishes what is present, names the rest to the hour and ends with 1. Once a good response "
        "comes, the next run is complete and ends with 0.",
        VALUES,
    ),
    "Processes": (
        "Killed, interrupted, or in each other's way. DuckDB 2.0 rewrites its first block in place when a run ends "
        "(and at every 4 MB landed): a `SIGKILL` within the fraction of a millisecond that this takes may leave a "
        "damaged file, which the next command names (5). Keep a backup of a DuckDB file "
        "that matters, or use SQL Server.",
        PROCESS,
    ),
    "The disk and the file": ("Nothing half-done is ever left.", DISK),
    "Terminals, pipes and cron": (
        "Output may be lost, work may not.",
        STREAMS,
    ),
    "Configuration and input": ("Reported before anything is requested or written.", INPUT),
    "Spark": ("`dbt` and `esios run` in a lake (docs/spark.md). No run doubles what another one builds.", SPARK),
    "Files for the optimizations": (
        "`optimization/memory.py` and `optimization/speed.py`, each with the file, the line and the remedy.",
        OPTIMIZATION,
    ),
}


# What is reported once the catalogue was fetched.
CATALOGUE_INPUT = ("find", "describe unknown", "add registered", "add areas", "add kind")

# The page's first table: faults that end alike are one row. Each fault is in one of them (test_table.py).
SHORT: tuple[tuple[str, str, str, str], ...] = (
    ("500, 502, 503, 504 or 429 now and then", "nothing but a count of retries", "everything is landed",
     "500 now and then, 502 now and then, 503 now and then, 504 now and then, 429 in seconds, 429 as a date,"
     " 429 in the past"),
    ("the API is down, too slow, cut off or not trusted (5xx and 429 for good, DNS, TLS, time-outs, bodies cut in"
     " half), or unusable (HTML, the firewall's page, JSON of another shape, 200 MB, a redirect to another host)",
     "4, what it returned, after how many tries, and which windows are missing",
     "the windows that were fetched; the next run fetches the others; the key went nowhere else",
     "500 for good, 502 for good, 503 for good, 504 for good, 429 for too long, refused, no such host, certificate,"
     " connect time-out, read time-out, trickle, dripping head, reset, cut, chunk, gzip, gzip cut, 204, html, nothing,"
     " half JSON, NaN, nested, key twice, byte order mark, not UTF-8, firewall, 307, downgrade, nowhere, circle,"
     " 404, no indicator, a list, values, other id, no datetime, huge, gzip bomb"),
    ("the key is refused (401, 403 in JSON)", "3 at the first response: set ESIOS_API_KEY in .env",
     "what was landed before", "key, 401"),
    ("an empty response", "the hours named as missing, 1 by the main job",
     "it is landed; a later response fills the hours",
     "empty"),
    ("a catalogue that lost a name", "1 from `esios find`", "everything; extraction goes by id", "catalogue"),
    ("an indicator to add that has no values", "1 from `esios add`: where they were looked for",
     "the registry as it was", "no values"),
    ("values that cannot be read or believed: null, text, NaN, 1e400, two for one hour, an offset that contradicts the"
     " zone, quarter hours for an hour", "1, each quarantined entry with its reason",
     "the hour keeps its last good value, or is named as missing",
     "null, text, NaN as a text, boolean, 1e400, 10^400, infinity, object, two values, offset, off the hour,"
     " quarters, no offset, time as a number"),
    ("values that are absurd: negative, four times too high", "1, each hour named as suspect",
     "published; the next good response replaces them", "negative, four times"),
    ("an hour that vanishes in a later response", "1, named as withdrawn", "its last good value", "vanished"),
    ("unsorted or repeated entries, a number as text, a wrong `datetime_utc`, an area that is not registered, values"
     " beyond the window, a late revision", "nothing",
     "the same table; a revision changes its hour alone",
     "the same twice, unsorted, datetime_utc, number as text, areas, beyond its window, revision"),
    ("killed at any moment (`SIGKILL`)", "nothing", "what was committed, whole; the next run resumes",
     "kill extract, kill build, kill export"),
    ("dbt killed, or unable to begin, within `esios run`; a server or service that dbt cannot reach",
     "5 and whether anything was built", "what was landed and built before",
     "dbt killed, dbt cannot begin, dbt unreachable"),
    ("interrupted (Ctrl-C, `SIGTERM`)", "130: run the same command again", "what was landed and built before",
     "SIGINT, SIGTERM, SIGINT in build"),
    ("two extracts at once, an extract during `dbt build`, the clock set back", "nothing: they wait for each other",
     "each response once, the last one landed counts", "two extracts, extract in build, clock"),
    ("the warehouse is locked, full, read-only, damaged, or of another version", "5 and what to do",
     "the warehouse as it was; reading still works where it can",
     "held, full, full in build, read-only, newer, older, damaged"),
    ("a warehouse cut off while it was made", "nothing", "it is made again", "half-made"),
    ("the disk is full during an export", "2: make room, or another place", "the old file, whole", "full in export"),
    ("variables missing or wrong, dates out of order or in the future, unknown targets, indicators, tables, names with"
     " quotes and `;--`", "2, which, where, and how to fix it", "everything; nothing was requested", ", ".join(
         key for key in INPUT if key not in (*CATALOGUE_INPUT, "dbt variables"))),
    ("streams that are closed, without a reader, or in an encoding without some characters; cron's environment",
     "nothing", "the work, done to its end", "closed, reader gone, locale, cron"),
    ("output goes to a full disk", "2: make room, or send it elsewhere", "the work, done to its end",
     "output full"),
    ("`DBT_*` variables of another project", "a note", "the same table as without them", "dbt variables"),
    ("a Spark server that does not run, a service that cannot be reached", "5: start it, or correct its address",
     "what was built before",
     "no Spark server, no Thrift server, no Spark service"),
    ("a Spark session in another zone than UTC; an address, format or service that is not known", "2 and what to set",
     "what was built before",
     "no Spark address, Spark in another zone, format of a lake, Spark service, method of Spark, Iceberg on Sail"),
    ("two dbt runs at once in a lake", "5 and the process that is at work, after ESIOS_WAREHOUSE_WAIT_S seconds",
     "what the other run builds", "another dbt run"),
    ("the storage of a lake cannot be reached, is a file, or holds a table that cannot be read", "5 and what to check",
     "everything", "storage out of reach, file for a lake, unreadable table, damaged lake"),
    ("a lake that is not there yet, or whose tables need another reader", "2 and how to write them", "everything",
     "no lake yet, newer Delta, Iceberg lake"),
    ("a dbt run is killed in a lake", "nothing", "the next run completes it", "killed dbt run"),
    ("a text to find that no name has", "1", "everything", "find"),
    ("a file for the optimizations that is not CSV, or can be read in two ways", "2, the file, the line and the remedy",
     "everything; nothing is written", ", ".join(key for key in OPTIMIZATION if key != "another numba")),
    ("a numba for the optimizations that is not the pinned one", "2, the version and how to install the other",
     "everything; nothing is written", "another numba"),
    ("an indicator to describe or add that is not in the catalogue, is registered already, or has no such area or kind",
     "2, which, and what is available", "everything", ", ".join(key for key in CATALOGUE_INPUT if key != "find")),
)  # fmt: skip


def keys_of(row: tuple[str, str, str, str]) -> list[str]:
    """The faults that a row of the short table stands for."""
    return [key.strip() for key in row[3].split(",")]


def short_table() -> list[str]:
    """The short table, a line each."""
    lines = ["| fault | the user sees | what remains |", "|---|---|---|"]
    return lines + [f"| {what} | {seen} | {remains} |" for what, seen, remains, _ in SHORT]


def page() -> str:
    """docs/faults.md."""
    lines = [
        "# What goes wrong, what you see, what remains",
        "",
        "Nothing that was landed is lost, whatever happens: each window is committed on its own, the table is replaced "
        "hour by hour in one transaction, files are written aside and renamed, and the same command, run again, "
        "completes the rest. A number is the exit code.",
        "",
        *short_table(),
        "",
        "## Each of them",
        "",
        "Each row is run by `make test` (`tests/faults/`) with the real command against a server that misbehaves or a "
        "process that is killed: the exit code, the message, what is left, and that the next plain run completes to "
        "exactly the rows of an undisturbed one. This page is made from the rows that those tests assert "
        "(`python -m tests.faults.table`); `make soak` kills and interrupts many times over.",
        "",
        "Never a traceback, and never the key or a password: after each case the test searches the commands' output, "
        "every file, table and log for them.",
    ]
    for title, (remark, faults) in PARTS.items():
        lines += [
            "",
            f"## {title}",
            "",
            remark,
            "",
            "| fault | exit code | the user sees | what remains |",
            "|---|---|---|---|",
        ]
        for fault in faults.values():
            code = "killed" if fault.code < 0 else str(fault.code)
            seen = " … ".join(part.replace("|", "\\|") for part in fault.says) or "–"
            lines.append(f"| {fault.what} | {code} | {seen} | {fault.remains} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

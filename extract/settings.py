"""Environment and `.env` → one frozen `Settings`. Reads no database and no network.

The environment wins over `.env` in the repository's root; an empty variable counts as unset.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from extract.env_file import read_env_file
from extract.errors import UsageError

ROOT = Path(__file__).resolve().parent.parent
API_BASE_URL = "https://api.esios.ree.es"
TARGETS = ("duckdb", "sqlserver", "spark")
SPARK_FORMATS = ("delta", "iceberg")
SPARK_SERVICES = ("databricks", "fabric")
SPARK_METHODS = ("session", "thrift")
# The schema of the marts on Spark.
SPARK_SCHEMA = "esios"
# How the storage of a lake is reached, in the words of the tools of its owner.
STORAGE_VARIABLES = ("AWS_", "AZURE_")
# The schemas that are made (dbt_project.yml has the last three), DuckDB's own, and its internal databases.
NO_DATABASE_NAMES = frozenset(
    ("", "main", "temp", "system", "raw_esios", "staging_esios", "quality_esios", "monitoring_esios")
)
MSSQL_BACKENDS = ("mssql-python", "pyodbc")
# mssql-python carries Microsoft's driver in its wheel: no ODBC set-up on the machine.
DEFAULT_MSSQL_BACKEND = "mssql-python"
# What waits cannot wait for longer (sockets and events overflow), and nothing else is counted so high.
_NO_NUMBER_BEYOND = 1e9


@dataclass(frozen=True)
class MssqlSettings:
    """How to reach SQL Server. `password` never shows in `repr`."""

    server: str = ""
    port: int = 1433
    database: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    schema: str = "dbo"
    backend: str = DEFAULT_MSSQL_BACKEND
    encrypt: bool = True
    trust_server_certificate: bool = False
    authentication: str = "sql"
    driver: str = ""  # pyodbc only; empty: the newest installed one, else the file in mssql-python's wheel
    options: str = ""  # further keywords of the connection string
    login_timeout_s: int = 15
    query_timeout_s: int = 600


@dataclass(frozen=True)
class ApiSettings:
    """How to ask the API, and how politely. `key` never shows in `repr`."""

    key: str = field(default="", repr=False)
    base_url: str = API_BASE_URL
    concurrency: int = 4
    burst: int = 10
    requests_per_second: float = 2.0
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0
    max_tries: int = 10
    max_retry_s: float = 300.0
    backoff_initial_s: float = 0.5
    backoff_max_s: float = 30.0
    max_body_bytes: int = 64 * 1024 * 1024
    window: str = ""


@dataclass(frozen=True)
class Settings:
    """Everything a command needs to know from outside. Build with `load_settings()`."""

    target: str
    duckdb_path: Path
    warehouse_wait_s: float
    api: ApiSettings
    mssql: MssqlSettings
    duckdb_memory_gb: float = 3.0  # of a dbt run
    lake: str = ""  # an absolute path, or a URL without a slash at its end
    lake_keep_h: float = 168.0
    lake_storage: Mapping[str, str] = field(default_factory=dict, repr=False)  # AWS_* and AZURE_*, keys among them
    spark_format: str = SPARK_FORMATS[0]
    spark_service: str = ""  # empty: dbt-spark; else the service with an adapter of its own
    spark_method: str = SPARK_METHODS[0]  # how dbt-spark reaches Spark

    @property
    def target_schema(self) -> str:
        """The schema of the marts: `main` on DuckDB, `MSSQL_SCHEMA` on SQL Server, `esios` on Spark."""
        return {"duckdb": "main", "spark": SPARK_SCHEMA}.get(self.target, self.mssql.schema)

    @property
    def may_be_there(self) -> bool:
        """Whether there is a warehouse to open: of DuckDB its file, of a lake on this machine its folder."""
        where = {"duckdb": str(self.duckdb_path), "spark": self.lake}.get(self.target, "")
        return not where or is_url(where) or Path(where).exists()


def configuration(environment: Mapping[str, str] | None = None, dotenv: Path | None = None) -> dict[str, str]:
    """The variables in force: `.env` below, the environment above; empty ones left out."""
    path = ROOT / ".env" if dotenv is None else dotenv
    merged = {
        **{k: v for k, v in read_env_file(path).items() if v},
        **{k: v for k, v in (environment or os.environ).items() if v},
    }
    return {name: value for name, value in merged.items() if value.strip()}


def load_settings(environment: Mapping[str, str] | None = None, dotenv: Path | None = None) -> Settings:
    """Read and check the configuration; `UsageError` names the variable that is wrong and how to fix it."""
    env = configuration(environment, dotenv)
    target = env.get("ESIOS_TARGET", "duckdb").strip()
    if target not in TARGETS:
        raise UsageError(f"ESIOS_TARGET is {target!r}", f"set it to one of {', '.join(TARGETS)}")
    duckdb_path = _duckdb_path(env.get("ESIOS_DUCKDB_PATH", "warehouse/esios.duckdb"))
    settings = Settings(
        target=target,
        duckdb_path=duckdb_path,
        duckdb_memory_gb=_number(env, "ESIOS_DUCKDB_MEMORY_GB", 3.0, low=1),
        warehouse_wait_s=_number(env, "ESIOS_WAREHOUSE_WAIT_S", 60.0, low=0),
        api=_api(env),
        mssql=_mssql(env),
        lake=_lake(env.get("ESIOS_LAKE", "warehouse/lake").strip()),
        lake_keep_h=_number(env, "ESIOS_LAKE_KEEP_HOURS", 168.0, low=1),
        lake_storage={name: value for name, value in env.items() if name.startswith(STORAGE_VARIABLES)},
        spark_format=_one_of(env, "ESIOS_SPARK_FORMAT", SPARK_FORMATS, SPARK_FORMATS[0]),
        spark_service=_one_of(env, "ESIOS_SPARK_SERVICE", SPARK_SERVICES, ""),
        spark_method=_one_of(env, "ESIOS_SPARK_METHOD", SPARK_METHODS, SPARK_METHODS[0]),
    )
    if target == "sqlserver":
        _require_mssql(settings.mssql)
    if target == "spark":
        _refuse_characters(settings.lake)  # of the repository's folder too
        _refuse_plain_http(settings)
    return settings


def _duckdb_path(text: str) -> Path:
    """The file's absolute path.

    dbt-duckdb reads it as a URL and puts the file's name into its SQL unescaped. Both take the name up to the first dot
    for the database's, and where it is a schema's too, `schema.table` may mean either.
    """
    try:
        path = ROOT / Path(text).expanduser()
    except RuntimeError:  # ~ or ~name without a home folder on this machine
        raise UsageError(
            f"ESIOS_DUCKDB_PATH is {text!r}, but that home folder does not exist", "write the path out"
        ) from None
    if set(";?#") & set(str(path)) or set("'\"") & set(path.name):
        raise UsageError(
            f"ESIOS_DUCKDB_PATH is {text!r}, and dbt cannot build there",
            "choose a path without ; ? # and a file name without quotes",
        )
    database = path.name.lstrip(".").split(".")[0].casefold()
    if database in NO_DATABASE_NAMES:
        raise UsageError(
            f"ESIOS_DUCKDB_PATH is {text!r}, and DuckDB or a schema of the project has the name {database!r}",
            "choose another file name, as in esios.duckdb",
        )
    return path


def is_url(lake: str) -> bool:
    """Whether a lake lies on a storage service, not in a folder of this machine."""
    return "://" in lake


def _holds_credentials(address: str) -> bool:
    """Whether it reads `USER:PASSWORD@…` behind its scheme, or `USER@…` in s3://. A password may hold any sign, / too,
    so that it is looked for before anything is parsed.
    """
    scheme, _, rest = address.partition("://")
    first, slash, others = rest.lstrip("/").partition("/")
    _, colon, behind = first.partition(":")
    return (bool(colon) and "@" in behind + slash + others) or (scheme.lower() == "s3" and "@" in first)


def _refuse_characters(lake: str) -> None:
    """dbt writes the place into its SQL, Delta and Spark read it as a URL."""
    if set("?#%;\\'\"`{}[]<>|^") & set(lake) or not lake.isprintable():
        raise UsageError(
            "ESIOS_LAKE holds one of ? # % ; \\ ' \" ` { } [ ] < > | ^, or a character that cannot be printed",
            "choose a place without them; credentials go into AWS_* or AZURE_* (.env.example)",
        )


def _lake(text: str) -> str:
    """Where the lake lies: a folder's absolute path, `s3://BUCKET/…` or `abfss://CONTAINER@ACCOUNT…/…`.

    The text may hold credentials where they do not belong: a message never repeats it then.
    """
    if _holds_credentials(text):
        raise UsageError("ESIOS_LAKE must not contain credentials", "put them into AWS_* or AZURE_* (.env.example)")
    _refuse_characters(text)
    if not is_url(text):
        try:
            path = ROOT / Path(text).expanduser()
        except RuntimeError:
            raise UsageError(f"ESIOS_LAKE is {text!r}, and there is no such home", "write the path out") from None
        return str(path.resolve() if ".." in path.parts else path)  # Sail takes no .. in a place
    remedy = "set it to a folder, s3://BUCKET/PATH or abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"ESIOS_LAKE is not a valid address ({error})", remedy) from None
    if parts.scheme not in ("s3", "abfss"):
        raise UsageError(f"ESIOS_LAKE begins with {parts.scheme}://, which is not known", remedy)
    named = parts.username and "." in (host or "") if parts.scheme == "abfss" else host and ":" not in parts.netloc
    if not named or {".", ".."} & set(parts.path.split("/")):
        raise UsageError(f"ESIOS_LAKE is {text!r}, which names no place to write to", remedy)
    return text.rstrip("/")


def _refuse_plain_http(settings: Settings) -> None:
    """What an extract lands goes over TLS or stays on this machine, unless a setting allows otherwise."""
    endpoint = settings.lake_storage.get("AWS_ENDPOINT_URL", "")
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
    except ValueError as error:
        raise UsageError(
            f"AWS_ENDPOINT_URL is not a valid address ({error})", "set it to https://HOST[:PORT]"
        ) from None
    if parts.username or parts.password:
        raise UsageError(
            "AWS_ENDPOINT_URL must not contain credentials", "put them into AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
        )
    allowed = settings.lake_storage.get("AWS_ALLOW_HTTP", "").lower() == "true"
    if parts.scheme == "http" and not is_loopback(host) and not allowed:
        raise UsageError(
            f"AWS_ENDPOINT_URL is plain http to {host}", "set it to https://…, or AWS_ALLOW_HTTP=true if that is meant"
        )


def require_api_key(settings: Settings) -> None:
    """Commands that fetch call this first."""
    if not settings.api.key:
        raise UsageError(
            "ESIOS_API_KEY is not set",
            "put your personal token into .env (ask REE for one: consultasios@ree.es), "
            "or use `make run`, which simulates the API when nothing is configured",
        )


def _api(env: Mapping[str, str]) -> ApiSettings:
    window = env.get("ESIOS_WINDOW", "").strip()
    if window not in ("", "day", "month", "quarter", "year"):
        raise UsageError(f"ESIOS_WINDOW is {window!r}", "set it to day, month, quarter or year, or leave it out")
    key = env.get("ESIOS_API_KEY", "").strip()
    if not key.isprintable() or not key.isascii() or " " in key:
        raise UsageError(
            "ESIOS_API_KEY holds a character no token has",
            "copy it again from REE's mail, without spaces or line breaks",
        )
    default = ApiSettings()
    return ApiSettings(
        key=key,
        base_url=_base_url(env.get("ESIOS_BASE_URL", API_BASE_URL).strip()),
        concurrency=int(_number(env, "ESIOS_CONCURRENCY", default.concurrency, low=1, high=16, whole=True)),
        burst=int(_number(env, "ESIOS_BURST", default.burst, low=1, whole=True)),
        requests_per_second=_number(env, "ESIOS_REQUESTS_PER_SECOND", default.requests_per_second, low=0.01),
        connect_timeout_s=_number(env, "ESIOS_CONNECT_TIMEOUT_S", default.connect_timeout_s, low=0.01),
        read_timeout_s=_number(env, "ESIOS_READ_TIMEOUT_S", default.read_timeout_s, low=0.01),
        max_tries=int(_number(env, "ESIOS_MAX_TRIES", default.max_tries, low=1, whole=True)),
        max_retry_s=_number(env, "ESIOS_MAX_RETRY_S", default.max_retry_s, low=0),
        backoff_initial_s=_number(env, "ESIOS_BACKOFF_INITIAL_S", default.backoff_initial_s, low=0),
        backoff_max_s=_number(env, "ESIOS_BACKOFF_MAX_S", default.backoff_max_s, low=0),
        window=window,
    )


def _base_url(text: str) -> str:
    """Scheme, host and port, checked: https anywhere, plain http on this machine only, no credentials inside."""
    remedy = f"set it to https://HOST[:PORT], as in {API_BASE_URL}; plain http only for loopback addresses"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"ESIOS_BASE_URL is not a valid address ({error})", remedy) from None
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError("ESIOS_BASE_URL is not an http(s) address", remedy)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError("ESIOS_BASE_URL must not contain credentials, a query or a fragment", remedy)
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageError(f"ESIOS_BASE_URL would send the key in plain text to {host}", remedy)
    return text.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _mssql(env: Mapping[str, str]) -> MssqlSettings:
    default = MssqlSettings()
    backend = env.get("MSSQL_BACKEND", DEFAULT_MSSQL_BACKEND).strip()
    if backend not in MSSQL_BACKENDS:
        raise UsageError(f"MSSQL_BACKEND is {backend!r}", f"set it to one of {', '.join(MSSQL_BACKENDS)}")
    return MssqlSettings(
        server=env.get("MSSQL_SERVER", "").strip(),
        port=int(_number(env, "MSSQL_PORT", default.port, low=1, high=65535, whole=True)),
        database=env.get("MSSQL_DATABASE", "").strip(),
        user=env.get("MSSQL_USER", ""),
        password=env.get("MSSQL_PASSWORD", ""),
        schema=env.get("MSSQL_SCHEMA", default.schema).strip(),
        backend=backend,
        encrypt=_yes_no(env, "MSSQL_ENCRYPT", default.encrypt),
        trust_server_certificate=_yes_no(env, "MSSQL_TRUST_SERVER_CERTIFICATE", default.trust_server_certificate),
        authentication=env.get("MSSQL_AUTHENTICATION", default.authentication).strip(),
        driver=env.get("MSSQL_DRIVER", "").strip(),
        options=env.get("MSSQL_OPTIONS", "").strip(),
        login_timeout_s=int(_number(env, "MSSQL_LOGIN_TIMEOUT_S", default.login_timeout_s, low=1, whole=True)),
        query_timeout_s=int(_number(env, "MSSQL_QUERY_TIMEOUT_S", default.query_timeout_s, low=0, whole=True)),
    )


def _require_mssql(mssql: MssqlSettings) -> None:
    needed = {"MSSQL_SERVER": mssql.server, "MSSQL_DATABASE": mssql.database}
    if mssql.authentication == "sql":
        needed |= {"MSSQL_USER": mssql.user, "MSSQL_PASSWORD": mssql.password}
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise UsageError(
            f"ESIOS_TARGET is sqlserver, but {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set",
            "set them in the environment or .env (see .env.example), or set ESIOS_TARGET=duckdb",
        )


def _number(
    env: Mapping[str, str], name: str, default: float, *, low: float, high: float = float("inf"), whole: bool = False
) -> float:
    text = env.get(name)
    if text is None:
        return default
    kind = "a whole number" if whole else "a number"
    bounds = f"from {low:g} to {high:g}" if high != float("inf") else f"of at least {low:g}"
    try:
        value = float(int(text)) if whole else float(text)
    except (ValueError, OverflowError):
        value = float("nan")
    if not low <= value <= min(high, _NO_NUMBER_BEYOND):
        raise UsageError(f"{name} is {text!r}", f"set it to {kind} {bounds}")
    return value


def _one_of(env: Mapping[str, str], name: str, words: tuple[str, ...], default: str) -> str:
    word = env.get(name, default).strip()
    if word != default and word not in words:
        raise UsageError(f"{name} is {word!r}", f"set it to one of {', '.join(words)}")
    return word


def _yes_no(env: Mapping[str, str], name: str, default: bool) -> bool:
    text = env.get(name)
    if text is None:
        return default
    word = text.strip().lower()
    if word in ("yes", "true", "1", "on"):
        return True
    if word in ("no", "false", "0", "off"):
        return False
    raise UsageError(f"{name} is {text!r}", "set it to yes or no")

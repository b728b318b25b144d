"""Where the lake's tables lie, how their storage is asked, and what its errors mean. Knows no SQL.

A table is a folder of the lake, `<schema>/<table>`, in Delta's format: on this machine, on S3 (`s3://`) or on ADLS and
OneLake (`abfss://`). delta-rs writes it. It is read through pyarrow's own file systems: the one that deltalake offers
calls Python from pyarrow's threads, which ends the process with a crash where a result was not read to its end
(deltalake 1.6.6, pyarrow 26; seen in each of eight trials).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from extract.errors import EsiosError, UsageError, WarehouseError
from extract.settings import Settings, is_url
from extract.warehouse.tables import TableName

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as pd
    import pyarrow.fs as pf
    from deltalake import DeltaTable

NOT_INSTALLED = "make setup-spark"
_SECRET = re.compile(r"KEY|SECRET|TOKEN|SAS|PASSWORD", re.IGNORECASE)
_SHORTEST_SECRET = 4
# What only the storage's own people can look up, in XML.
_OF_A_REQUEST = re.compile(r"<(RequestId|HostId|RequestID)>[^<]*</\1>")
_TRACE = re.compile(r" 0: (<unknown>|\S+::).*")  # of delta-rs's own functions
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_NEEDS_MORE = re.compile(r"reader (feature|version)|unsupported.*feature", re.IGNORECASE)
_SECOND = re.compile(r"concurrent|failed to commit transaction: \d|changed since last commit", re.IGNORECASE)
_REMEDIES = [
    (
        r"access.?denied|forbidden|\b40[13]\b|signature|invalidaccesskey|authenti|authoriz|permission denied|read-only",
        "may not be read or written",
        "check the credentials and rights (AWS_* or AZURE_*, see .env.example)",
    ),
    (r"no space left|disk full|quota exceeded|file too large", "has no room left", "make room, then run it again"),
    (
        r"nosuchbucket|no such bucket|containernotfound|bucket does not exist",
        "is not there",
        "make the bucket or container first, or set ESIOS_LAKE to one that is there",
    ),
    (
        r"connect|dns|resolve|timed? ?out|unreachable|error sending request|network|request error",
        "cannot be reached",
        "check ESIOS_LAKE, AWS_ENDPOINT_URL and the network, then run it again",
    ),
    (r"not a directory|file exists|is a file", "is not a folder", "set ESIOS_LAKE to a folder"),
    (
        r"no such file|not found|found gap|json error|parse.*parquet|parquet.*(magic|footer|corrupt|invalid)",
        "does not have each of its files whole",
        "run it again; if that fails too, restore the lake's files from the storage's older versions or a backup",
    ),
]


class WrittenMeanwhile(WarehouseError):
    """Another process committed first: nothing of this commit was written, and the work may be done again."""


class LakeStorage:
    """The lake that `settings` name. Nothing is asked before the first call; credentials never reach a message."""

    def __init__(self, settings: Settings) -> None:
        self.root = settings.lake
        self.wait_s = settings.warehouse_wait_s
        self._given = settings.lake_storage
        self._files: pf.FileSystem | None = None
        try:
            import deltalake  # noqa: F401
        except ModuleNotFoundError:
            raise UsageError(
                "ESIOS_TARGET=spark needs the package deltalake, which is not installed", f"run `{NOT_INSTALLED}`"
            ) from None

    def uri(self, table: TableName) -> str:
        """The folder of a table, whose schema must be given."""
        for part in (table.schema or "", table.name):
            if not re.fullmatch(r"\w[\w .-]*", part):
                raise UsageError(
                    f"{part!r} makes no folder of a lake", "choose a name of letters, digits, _, -, dots and blanks"
                )
        return f"{self.root}/{table.schema}/{table.name}"

    @property
    def options(self) -> dict[str, str] | None:
        """What delta-rs needs to reach the storage; None for a folder of this machine."""
        if not is_url(self.root):
            return None
        patience = {
            "connect_timeout": "10s",
            "timeout": "120s",
            "max_retries": "5",
            "retry_timeout": f"{max(1, int(self.wait_s))}s",
        }
        # The address was checked with the other settings.
        plain = {"AWS_ALLOW_HTTP": "true"} if self._given.get("AWS_ENDPOINT_URL", "").startswith("http:") else {}
        return {**patience, **self._given, **plain}

    def files(self) -> pf.FileSystem:
        """pyarrow's view of the lake; paths in it count from the lake's root."""
        if self._files is None:
            import pyarrow.fs as pf

            with self.translating():
                if not is_url(self.root):
                    self._files = pf.SubTreeFileSystem(self.root, pf.LocalFileSystem())
                else:
                    self._files = self._s3() if self.root.startswith("s3:") else self._azure()
        return self._files

    def _s3(self) -> pf.FileSystem:
        import pyarrow.fs as pf

        given = self._given
        service = pf.S3FileSystem(
            access_key=given.get("AWS_ACCESS_KEY_ID"),
            secret_key=given.get("AWS_SECRET_ACCESS_KEY"),
            session_token=given.get("AWS_SESSION_TOKEN"),
            anonymous=given.get("AWS_SKIP_SIGNATURE", "").lower() == "true",
            region=given.get("AWS_REGION") or given.get("AWS_DEFAULT_REGION"),
            endpoint_override=given.get("AWS_ENDPOINT_URL"),
            force_virtual_addressing=given.get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "").lower() == "true",
            connect_timeout=10,
            request_timeout=60,
        )
        return pf.SubTreeFileSystem(self.root.removeprefix("s3://"), service)

    def _azure(self) -> pf.FileSystem:
        """`abfss://CONTAINER@ACCOUNT.dfs.DOMAIN/PATH`; OneLake's account is `onelake`, a workspace its container."""
        import pyarrow.fs as pf

        given, parts = self._given, urlsplit(self.root)
        account, _, rest = (parts.hostname or "").partition(".")
        domain = rest.removeprefix("dfs.")
        service = pf.AzureFileSystem(
            account_name=given.get("AZURE_STORAGE_ACCOUNT_NAME", account),
            account_key=given.get("AZURE_STORAGE_ACCOUNT_KEY"),
            sas_token=given.get("AZURE_STORAGE_SAS_TOKEN"),
            tenant_id=given.get("AZURE_TENANT_ID"),
            client_id=given.get("AZURE_CLIENT_ID"),
            client_secret=given.get("AZURE_CLIENT_SECRET"),
            blob_storage_authority=f".blob.{domain}",
            dfs_storage_authority=f".dfs.{domain}",
        )
        return pf.SubTreeFileSystem(f"{parts.username}{parts.path}", service)

    # ---------------------------------------------------------------- tables
    def is_there(self) -> bool:
        """Whether there is a folder of this machine, or anything at all below an address."""
        if not is_url(self.root):
            return Path(self.root).exists()
        with self.translating():
            return bool(self._folders(""))

    def tables(self) -> list[TableName]:
        """Every Delta table of the lake, in the order of their names; none where the lake is not there yet."""
        with self.translating():
            found = [
                TableName(*folder.split("/"))
                for schema in self._folders("")
                for folder in self._folders(schema)
                if f"{folder}/_delta_log" in self._folders(folder)
            ]
        return sorted(found, key=str)

    def _folders(self, path: str) -> list[str]:
        import pyarrow.fs as pf

        listed = self.files().get_file_info(pf.FileSelector(path, allow_not_found=True))
        return [info.path for info in listed if info.type == pf.FileType.Directory]

    def find(self, table: TableName) -> DeltaTable | None:
        """The table's newest snapshot, None if there is no such table."""
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        uri = self.uri(table)
        with self.translating(table):
            if not is_url(self.root) and not Path(uri, "_delta_log").is_dir():
                return None
            try:
                return DeltaTable(uri, storage_options=self.options)
            except TableNotFoundError:
                return None

    def create(self, table: TableName, schema: pa.Schema) -> None:
        """Make an empty table; two at once make one. Reader 1, writer 2: the protocol that everything reads."""
        from deltalake import CommitProperties, DeltaTable
        from deltalake.exceptions import DeltaError

        with self.translating(table):
            if not is_url(self.root):
                Path(self.uri(table)).mkdir(parents=True, exist_ok=True)
            # `ignore` looks before it writes: another process may make the table in between. Tried again, this would be
            # the second version of that one.
            once = CommitProperties(max_commit_retries=0)
            try:
                DeltaTable.create(
                    self.uri(table), schema, mode="ignore", storage_options=self.options, commit_properties=once
                )
            except DeltaError:
                if not DeltaTable.is_deltatable(self.uri(table), storage_options=self.options):
                    raise

    def dataset(self, table: TableName, snapshot: DeltaTable) -> pd.Dataset:
        """The files of a snapshot, to be read with filters and columns pushed down.

        Files whose statistics exclude a filter's value are not opened.
        """
        import pyarrow.fs as pf
        from pyarrow.dataset import ParquetReadOptions

        with self.translating(table):
            return snapshot.to_pyarrow_dataset(
                filesystem=pf.SubTreeFileSystem(f"{table.schema}/{table.name}", self.files()),
                # Spark writes instants in an old format of 12 bytes, which would overflow as nanoseconds.
                parquet_read_options=ParquetReadOptions(coerce_int96_timestamp_unit="us"),
            )

    # ---------------------------------------------------------------- faults
    @contextmanager
    def translating(self, table: TableName | None = None) -> Iterator[None]:
        """Turn what delta-rs and pyarrow raise into this project's errors."""
        import pyarrow as pa
        from deltalake.exceptions import DeltaError

        try:
            yield
        except EsiosError:
            raise
        except (DeltaError, OSError, pa.ArrowException) as error:
            self.raise_for(error, table)
        except BaseException as error:
            if type(error).__name__ == "PanicException":  # a bug of delta-rs, in a class that no module exports
                self.raise_for(error, table)
            raise

    def raise_for(self, error: BaseException, table: TableName | None = None) -> NoReturn:
        """Raise what `error` means: `WrittenMeanwhile`, a table that this cannot read, or storage that fails."""
        from deltalake.exceptions import CommitFailedError, DeltaProtocolError

        whole = self._cleaned(str(error))
        # The first words say what was tried, the last what went wrong.
        text = whole if len(whole) <= 300 else f"{whole[:120]} … {whole[-170:]}"
        what = f"{table} in the lake {self.root}" if table else f"the lake {self.root}"
        # No cause is shown: a storage's own error may hold an address with a token in it.
        if isinstance(error, DeltaProtocolError) or _NEEDS_MORE.search(whole):
            raise UsageError(
                f"{what} needs a newer reader of Delta tables ({text})",
                "write it without deletion vectors and column mapping (delta.enableDeletionVectors=false,"
                " delta.columnMapping.mode=none), or read it with Spark",
            ) from None
        if isinstance(error, CommitFailedError) and _SECOND.search(whole):
            raise WrittenMeanwhile(f"another process wrote {what} meanwhile", "run it again") from None
        for pattern, words, remedy in _REMEDIES:
            if re.search(pattern, whole, re.IGNORECASE):
                raise WarehouseError(f"{what} {words} ({text})", remedy) from None
        raise WarehouseError(f"{what} failed ({text})", "nothing half-done was kept; run it again") from None

    def _cleaned(self, text: str) -> str:
        """One line without colours, a request's numbers and the values of keys, secrets and tokens."""
        text = _OF_A_REQUEST.sub("", _COLOUR.sub("", text))
        for name, value in self._given.items():
            if _SECRET.search(name) and len(value.strip()) >= _SHORTEST_SECRET:
                text = text.replace(value.strip(), "…")
        return _TRACE.sub("", " ".join(text.split()))

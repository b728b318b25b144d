"""Settings: the environment over `.env`, checked, and secrets that never show."""

import re
from pathlib import Path

import pytest

from extract.errors import UsageError
from extract.settings import NO_DATABASE_NAMES, ROOT, load_settings, require_api_key
from extract.warehouse import RAW_SCHEMA

NOWHERE = Path("/nonexistent/.env")
MSSQL = {
    "ESIOS_TARGET": "sqlserver",
    "MSSQL_SERVER": "server.database.com",
    "MSSQL_DATABASE": "mock_db",
    "MSSQL_USER": "user1",
    "MSSQL_PASSWORD": "123abc",
}


def test_without_any_configuration_it_is_duckdb_and_the_real_api() -> None:
    settings = load_settings({}, NOWHERE)
    assert settings.target == "duckdb"
    assert settings.duckdb_path == ROOT / "warehouse" / "esios.duckdb"
    assert settings.api.base_url == "https://api.esios.ree.es"
    assert (settings.api.concurrency, settings.api.burst, settings.api.requests_per_second) == (4, 10, 2)


def test_the_environment_wins_over_the_file_and_empty_counts_as_unset(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("ESIOS_API_KEY=from-file\nESIOS_WINDOW=month\n")
    assert load_settings({}, dotenv).api.key == "from-file"
    assert load_settings({"ESIOS_API_KEY": "from-environment"}, dotenv).api.key == "from-environment"
    settings = load_settings({"ESIOS_API_KEY": "", "MSSQL_PORT": " "}, dotenv)
    assert (settings.api.key, settings.api.window, settings.mssql.port) == ("from-file", "month", 1433)


@pytest.mark.parametrize("password", ["123abc", "p;w{d}='\"%$${HOME}#é日 ", "}};--", "{{ x }}", "\\\\srv\\x", "end\\"])
def test_a_password_of_any_characters_comes_through_the_file(tmp_path: Path, password: str) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(
        "".join(f"{k}='{v}'\n" for k, v in (MSSQL | {"MSSQL_PASSWORD": password}).items()), encoding="utf-8"
    )
    assert load_settings({}, dotenv).mssql.password == password
    assert load_settings(MSSQL | {"MSSQL_PASSWORD": password}, NOWHERE).mssql.password == password


def test_secrets_do_not_show_in_repr() -> None:
    settings = load_settings(MSSQL | {"ESIOS_API_KEY": "sesame-key", "MSSQL_PASSWORD": "sesame-password"}, NOWHERE)
    assert "sesame" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ESIOS_TARGET", "oracle"),
        ("ESIOS_BASE_URL", "http://api.esios.ree.es"),
        ("ESIOS_BASE_URL", "ftp://api.esios.ree.es"),
        ("ESIOS_BASE_URL", "https://user:pw@api.esios.ree.es"),
        ("ESIOS_BASE_URL", "http://127.0.0.1:port"),
        ("ESIOS_BASE_URL", "api.esios.ree.es"),
        ("ESIOS_CONCURRENCY", "0"),
        ("ESIOS_CONCURRENCY", "four"),
        ("ESIOS_REQUESTS_PER_SECOND", "nan"),
        ("ESIOS_READ_TIMEOUT_S", "inf"),
        ("ESIOS_BURST", "9" * 400),
        ("ESIOS_DUCKDB_PATH", "~nobody-of-this-name/x.duckdb"),
        ("ESIOS_WINDOW", "decade"),
        ("MSSQL_PORT", "abc"),
        ("MSSQL_PORT", "70000"),
        ("MSSQL_BACKEND", "jdbc"),
        ("MSSQL_ENCRYPT", "perhaps"),
        ("ESIOS_API_KEY", "line\nbreak"),
        ("ESIOS_LAKE", "gs://bucket/lake"),
        ("ESIOS_LAKE", "file:///lake"),
        ("ESIOS_LAKE", "s3://"),
        ("ESIOS_LAKE", "s3:///lake"),
        ("ESIOS_LAKE", "s3://bucket:9000/lake"),
        ("ESIOS_LAKE", "s3://bucket/../other"),
        ("ESIOS_LAKE", "abfss://account.dfs.core.windows.net/lake"),
        ("ESIOS_LAKE", "abfss://container@account/lake"),
        ("ESIOS_LAKE", "s3://bucket/lake?region=x"),
        ("ESIOS_LAKE", "lake'; drop table x"),
        ("ESIOS_LAKE", "~nobody-of-this-name/lake"),
        ("ESIOS_LAKE_KEEP_HOURS", "0"),
        ("ESIOS_DUCKDB_MEMORY_GB", "3GB"),
        ("ESIOS_SPARK_FORMAT", "hudi"),
    ],
)
def test_a_wrong_value_is_named_with_its_variable_and_a_remedy(name: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings({name: value}, NOWHERE)
    assert name in caught.value.message
    assert caught.value.remedy
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8000", "http://localhost:1", "http://[::1]:8000", "https://x.example/"]
)
def test_plain_http_is_for_this_machine_only(address: str) -> None:
    assert load_settings({"ESIOS_BASE_URL": address}, NOWHERE).api.base_url == address.rstrip("/")


@pytest.mark.parametrize(
    ("given", "lake"),
    [
        ("", str(ROOT / "warehouse" / "lake")),
        ("elsewhere/a b", str(ROOT / "elsewhere" / "a b")),
        ("/data/lake", "/data/lake"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("s3://bucket/a@b/c:d", "s3://bucket/a@b/c:d"),
        ("abfss://c@account.dfs.core.windows.net/a", "abfss://c@account.dfs.core.windows.net/a"),
        (
            "abfss://ws@onelake.dfs.fabric.microsoft.com/lh.Lakehouse/Tables",
            "abfss://ws@onelake.dfs.fabric.microsoft.com/lh.Lakehouse/Tables",
        ),
    ],
)
def test_a_lake_is_a_folder_or_an_address_of_a_storage(given: str, lake: str) -> None:
    settings = load_settings({"ESIOS_TARGET": "spark", "ESIOS_LAKE": given}, NOWHERE)
    assert (settings.lake, settings.target_schema, settings.spark_format) == (lake, "esios", "delta")


@pytest.mark.parametrize(
    "lake",
    [
        "s3://sesame-key:sesame-secret@bucket/a",
        "s3://sesame@bucket/a",
        "S3://sesame@bucket/a",
        "abfss://c:sesame@a.dfs.core.windows.net/",
        "gs://c:sesame@bucket",
        "s3:///c:sesame@bucket",
        *(
            f"{scheme}://c:sesame{sign}sesame@bucket/a"
            for scheme in ("s3", "abfss")
            for sign in "/:@?#%;\\'\" `{}[]<>|^\t"
        ),
    ],
)
def test_credentials_in_the_address_of_a_lake_are_refused_and_not_repeated(lake: str) -> None:
    with pytest.raises(UsageError, match=r"ESIOS_LAKE must not contain credentials: put them into AWS_\*") as caught:
        load_settings({"ESIOS_LAKE": lake}, NOWHERE)
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint", ["http://minio.example.com:9000", "http://10.0.0.1", "https://u:sesame@s3.example.com"]
)
def test_a_storage_is_reached_over_tls_or_on_this_machine(endpoint: str) -> None:
    lake = {"ESIOS_TARGET": "spark", "ESIOS_LAKE": "s3://bucket/a"}
    with pytest.raises(UsageError, match="AWS_ENDPOINT_URL") as caught:
        load_settings(lake | {"AWS_ENDPOINT_URL": endpoint}, NOWHERE)
    assert "sesame" not in str(caught.value)
    for others in (
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"},
        {"AWS_ENDPOINT_URL": "https://s3.example.com"},
        {"AWS_ENDPOINT_URL": "http://10.0.0.1", "AWS_ALLOW_HTTP": "true"},
    ):
        assert load_settings(lake | others, NOWHERE).lake_storage == others


def test_keys_of_a_storage_come_from_the_file_of_settings_too_and_do_not_show(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("AWS_SECRET_ACCESS_KEY=sesame-aws\nAZURE_CLIENT_SECRET='sesame azure'\nHOME=x\n")
    settings = load_settings({"ESIOS_TARGET": "spark"}, dotenv)
    assert settings.lake_storage == {"AWS_SECRET_ACCESS_KEY": "sesame-aws", "AZURE_CLIENT_SECRET": "sesame azure"}
    assert "sesame" not in repr(settings)


def test_sql_server_needs_to_know_where_and_who() -> None:
    without = {name: value for name, value in MSSQL.items() if name not in ("MSSQL_SERVER", "MSSQL_PASSWORD")}
    with pytest.raises(UsageError, match="MSSQL_SERVER, MSSQL_PASSWORD are not set"):
        load_settings(without, NOWHERE)
    assert load_settings(MSSQL, NOWHERE).target_schema == "dbo"


def test_a_missing_key_is_reported_with_both_ways_out() -> None:
    with pytest.raises(UsageError, match=r"ESIOS_API_KEY.*\.env.*make run"):
        require_api_key(load_settings({}, NOWHERE))


def test_a_folder_in_place_of_the_file_of_settings_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder: make it a readable UTF-8 file, or remove it"):
        load_settings({}, tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *("main.duckdb", "MAIN.db", "main", ".main.duckdb", "main.v2.duckdb", "temp.duckdb", "Temp", "system.db"),
        *("raw_esios.duckdb", "quality_esios.duckdb", "staging_esios.x.y", "folder/monitoring_esios.duckdb", "..."),
    ],
)
def test_a_file_whose_database_has_the_name_of_a_schema_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="choose another file name"):
        load_settings({"ESIOS_DUCKDB_PATH": name}, NOWHERE)


@pytest.mark.parametrize(
    "name", ["esios.v2.duckdb", "2017.duckdb", "memory.db", "select", "a%20b.db", "main2.db", "maín.db", "x/main/y.db"]
)
def test_any_other_name_is_taken(name: str) -> None:
    assert load_settings({"ESIOS_DUCKDB_PATH": name}, NOWHERE).duckdb_path == ROOT / name


def test_no_file_may_have_the_name_of_a_schema_that_dbt_makes() -> None:
    project = (ROOT / "dbt_project" / "dbt_project.yml").read_text("utf-8")
    schemas = set(re.findall(r"\+schema: (\w+)", project))
    assert len(schemas) == 3
    assert schemas | {"main", RAW_SCHEMA} <= NO_DATABASE_NAMES

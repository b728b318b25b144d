# SQL Server: a container of our own, or the server that MSSQL_SERVER names.

COMPOSE ?= docker compose
# What the suite runs: the connector's contract, the task's Load, the whole way on both engines.
SQLSERVER_TESTS ?= tests/warehouse tests/integration

.PHONY: sqlserver-up
sqlserver-up: ## Start SQL Server in a container, with database, login, tables and grants (compose.yml)
	$(COMPOSE) up --wait --wait-timeout 300

.PHONY: sqlserver-down
sqlserver-down: ## Stop it and throw its data away
	$(COMPOSE) down --volumes

# The container's certificate is its own: the connection is encrypted, but not verified, on the loopback device only.
.PHONY: test-sqlserver
test-sqlserver: $(READY) ## The SQL Server suite, on the server of MSSQL_SERVER or on a container; MSSQL_BACKEND= picks the driver
	@if [ -n "$$MSSQL_SERVER" ]; then \
		$(PYTEST) $(SQLSERVER_TESTS); \
	elif command -v docker >/dev/null; then \
		trap '$(COMPOSE) down --volumes' EXIT; \
		MSSQL_FOR_TESTS=1 $(COMPOSE) up --wait --wait-timeout 300 && \
		MSSQL_SERVER=127.0.0.1 MSSQL_PORT="$${MSSQL_PORT:-1433}" MSSQL_DATABASE="$${MSSQL_DATABASE:-mock_db}" \
		MSSQL_USER="$${MSSQL_USER:-user1}" MSSQL_PASSWORD="$${MSSQL_PASSWORD:-123abc}" MSSQL_TRUST_SERVER_CERTIFICATE=yes \
		$(PYTEST) $(SQLSERVER_TESTS); \
	else \
		echo "test-sqlserver needs Docker, or a server: set MSSQL_SERVER, MSSQL_DATABASE, MSSQL_USER, MSSQL_PASSWORD" >&2; exit 2; \
	fi

# ── Only what changed since another commit, with what depends on it (dbt's state:modified+)
REF ?= origin/main
STATE := dbt_project/target/state

.PHONY: state
state: $(READY) ## The dbt manifest of REF= (default origin/main), to compare with
	@rm -rf $(STATE) $(STATE).tree && mkdir -p $(STATE).tree
	@git archive $(REF) dbt_project profiles | tar -x -C $(STATE).tree
	@ESIOS_DBT_PROJECT_DIR=$(abspath $(STATE).tree/dbt_project) DBT_TARGET_PATH=$(abspath $(STATE)) \
		$(BIN)/dbt parse --profiles-dir $(abspath $(STATE).tree/profiles)

.PHONY: build-state
build-state: state ## dbt build of the project as it was at REF=
	@ESIOS_DBT_PROJECT_DIR=$(abspath $(STATE).tree/dbt_project) \
		$(BIN)/dbt build --profiles-dir $(abspath $(STATE).tree/profiles)

.PHONY: build-changed
build-changed: $(READY) ## dbt build of the models that differ from `make state`, and what depends on them, on top of it
	@$(BIN)/dbt build --select state:modified+ --state $(abspath $(STATE))

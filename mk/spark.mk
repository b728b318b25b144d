# Spark SQL: what it needs is put on top of the environment; other users install none of it.

$(VENV)/.spark: requirements-spark.lock $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.lock --requirement requirements-spark.lock
	@touch $@

.PHONY: setup-spark
setup-spark: $(VENV)/.spark ## Add what Spark needs to .venv (dbt-spark, Sail, delta-rs; 150 MB)

.PHONY: test-spark
test-spark: $(VENV)/.spark ## The suite on Spark SQL (Sail, within dbt and with two workers): landing, dbt, results equal to DuckDB's
	$(PYTEST) tests/spark tests/integration/test_whole_way.py tests/warehouse/test_contract.py -k spark

# Spark itself (needs Java 17): before the client of the same name on the path, and in no environment.
JVM_SPARK := .venv-spark-jvm

$(JVM_SPARK)/.ready: requirements-spark-jvm.lock $(VENV)/.spark
	$(BIN)/pip install --quiet --disable-pip-version-check --target $(JVM_SPARK) --no-deps --requirement requirements-spark-jvm.lock
	@touch $@

.PHONY: test-spark-jvm
test-spark-jvm: $(JVM_SPARK)/.ready ## The same results on Spark 3.5 with Iceberg tables (needs Java; 480 MB, minutes)
	@command -v java >/dev/null || { echo "test-spark-jvm needs Java 17" >&2; exit 2; }
	PYTHONPATH=$(abspath $(JVM_SPARK)) $(BIN)/pytest -n 0 tests/spark/test_equal_to_duckdb.py

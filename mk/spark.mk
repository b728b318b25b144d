# Spark SQL: what it needs is put on top of the environment; nobody else installs it.

$(VENV)/.spark: requirements-spark.lock $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.lock --requirement requirements-spark.lock
	@touch $@

.PHONY: setup-spark
setup-spark: $(VENV)/.spark ## Add what Spark needs to .venv (dbt-spark, Sail, delta-rs; 150 MB)

.PHONY: test-spark
test-spark: $(VENV)/.spark ## The suite on Spark SQL (Sail, embedded): landing, dbt, results equal to DuckDB's
	$(BIN)/pytest -n $(WORKERS) --dist loadfile tests/spark

# Benchmarks: both sides of each ratio in the same run, interleaved, medians. Never part of `make test`.
PEERS := .venv-peers

$(VENV)/.bench: requirements-bench.lock $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.lock --requirement requirements-bench.lock
	@touch $@

# python-esios brings a command `esios` of its own: it lives apart.
$(PEERS)/.ready: Makefile
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check python-esios==2.4.2
	@touch $@

.PHONY: bench
bench: bench-job bench-grain bench-known bench-speed bench-memory bench-sqlserver ## Every benchmark (about half an hour)

.PHONY: bench-job
bench-job: $(READY) $(PEERS)/.ready ## The main job: against python-esios, a bare dbt build, and ten years of history
	$(BIN)/python benchmarks/main_job.py

.PHONY: bench-known
bench-known: $(READY) ## Values as known at a cutoff against values as known now, among 200 indicators
	$(BIN)/python benchmarks/as_known_at.py

# The state before a change, beside the working tree.
BASE ?= 68aabaf
BASE_TREE := .bench-base/$(BASE)

$(BASE_TREE)/.venv/.ready:
	@rm -rf $(BASE_TREE) && mkdir -p $(BASE_TREE)
	git archive $(BASE) | tar -x -C $(BASE_TREE)
	$(MAKE) -C $(BASE_TREE) setup

.PHONY: bench-against
bench-against: $(READY) $(BASE_TREE)/.venv/.ready ## Backfill, rerun and make run beside the same of BASE= (a commit)
	$(BIN)/python benchmarks/main_job.py --against $(BASE_TREE)

.PHONY: bench-grain
bench-grain: $(READY) ## The models at scale: 200 indicators × 5 years of hours, and one more day of all of them
	$(BIN)/python benchmarks/grain.py

.PHONY: bench-speed
bench-speed: $(VENV)/.bench ## The running time against numpy and the other ways
	$(BIN)/python benchmarks/speed.py

.PHONY: bench-memory
bench-memory: $(VENV)/.bench ## The memory against pandas, polars and the other loaders
	$(BIN)/python benchmarks/memory.py

.PHONY: bench-sqlserver
bench-sqlserver: $(VENV)/.bench ## Loading into SQL Server (the one of MSSQL_SERVER) against the other ways
	@if [ -n "$$MSSQL_SERVER" ]; then $(BIN)/python benchmarks/sqlserver_load.py; \
	else echo "bench-sqlserver: skipped, MSSQL_SERVER is not set (see docs/sqlserver.md)"; fi

.PHONY: bench-spark
bench-spark: $(VENV)/.spark ## The models on Spark SQL (Sail) beside DuckDB: 200 indicators × 1 and 5 years of hours
	$(BIN)/python benchmarks/spark.py

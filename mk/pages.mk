# Pages and pictures that are made from what the project does; tests fail where one is stale.
PAGES_TARGET := $(CURDIR)/dbt_project/target/pages

.PHONY: pictures
pictures: $(READY) ## Draw the lineage, and renew the outputs and pictures of the pages that run
	@DBT_TARGET_PATH=$(PAGES_TARGET) ESIOS_TARGET=duckdb $(BIN)/dbt parse --quiet
	$(BIN)/python -m docs.build_lineage $(PAGES_TARGET)/manifest.json
	$(BIN)/python -m docs.build_as_known_at
	$(BIN)/python -m docs.build_tutorial

# The long form of the kill tests; `make test` has a short one.
SOAK_EXTRACTS ?= 60
SOAK_BUILDS ?= 12
SOAK_EXPORTS ?= 15

.PHONY: soak
soak: $(READY) ## Kill and interrupt extract, build and export at many random moments (minutes)
	SOAK_EXTRACTS=$(SOAK_EXTRACTS) SOAK_BUILDS=$(SOAK_BUILDS) SOAK_EXPORTS=$(SOAK_EXPORTS) $(BIN)/pytest -m soak -n $(WORKERS) --timeout 7200 tests/soak

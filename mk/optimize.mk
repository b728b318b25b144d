# The two optimizations: their data sets at the task's names, both scripts, and what they leave.
OPTIMIZED := exports/optimization

.PHONY: optimize
optimize: $(READY) ## Generate both data sets, run both optimizations; results and pictures in exports/optimization
	@mkdir -p $(OPTIMIZED)
	$(BIN)/python optimization/generate.py dataset_speed_optimization.csv --rows 1000000
	$(BIN)/python optimization/generate_hotels.py dataset_memory_optimization.csv
	$(BIN)/python optimization/speed.py dataset_speed_optimization.csv --out $(OPTIMIZED)/dataset_speed_optimization_distance.csv
	$(BIN)/python optimization/speed.py dataset_speed_optimization.csv --compare --chart $(OPTIMIZED)/speed_ladder.png | tee $(OPTIMIZED)/speed_ladder.txt
	@rm -f $(OPTIMIZED)/schema.json # one that is there would be followed
	$(BIN)/python optimization/memory.py dataset_memory_optimization.csv --out $(OPTIMIZED)/optimized.parquet \
		--picture $(OPTIMIZED)/memory_columns.png --schema $(OPTIMIZED)/schema.json | tee $(OPTIMIZED)/memory_usable.txt
	$(BIN)/python optimization/memory.py dataset_memory_optimization.csv --level packed | tee $(OPTIMIZED)/memory_packed.txt
	$(BIN)/python optimization/memory.py dataset_memory_optimization.csv --level compressed | tee $(OPTIMIZED)/memory_compressed.txt

.PHONY: pictures-optimize
pictures-optimize: optimize ## Draw the pictures of docs/optimization_*.md again, from what `make optimize` measures
	cp $(OPTIMIZED)/speed_ladder.png docs/optimization_speed_ladder.png
	cp $(OPTIMIZED)/memory_columns.png docs/optimization_memory_columns.png

# The report on the warehouse, and the questions page as PDF.

.PHONY: report
report: $(READY) ## The report: exports/report.html, one self-contained page
	@$(BIN)/esios report

.PHONY: questions
questions: $(READY) ## docs/questions.pdf from docs/questions.md
	@$(BIN)/python -m docs.build_questions

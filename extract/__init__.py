"""From the ESIOS API to the landing table, and out again. `python -m extract` is the command line `esios`."""

"""Measurements of the project, each run by hand or by `make bench`, and the data that they are made on."""

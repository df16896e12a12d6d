"""The benchmark: `make bench`, or parts of it with run.py. The unit tests do not collect it."""

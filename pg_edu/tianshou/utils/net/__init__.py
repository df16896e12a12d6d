"""Networks, in the modules `common`, `discrete` and `continuous`."""

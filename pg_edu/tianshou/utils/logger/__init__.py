"""Loggers, in the modules `base` and `tensorboard`."""

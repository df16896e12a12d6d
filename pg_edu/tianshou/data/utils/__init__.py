"""Conversions between numpy and torch, in the module `converter`."""

"""Coursework: hand out the notebooks, in variants if you like, and mark what comes back."""

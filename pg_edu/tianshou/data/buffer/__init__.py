"""Replay buffers, in the modules `base` and `vecbuf`."""

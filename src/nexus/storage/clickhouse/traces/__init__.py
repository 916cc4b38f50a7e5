"""The embedded store of traces."""

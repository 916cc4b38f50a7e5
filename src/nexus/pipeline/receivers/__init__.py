"""Receivers: each speaks one protocol and knows nothing of storage; `nexus.components` lists them."""

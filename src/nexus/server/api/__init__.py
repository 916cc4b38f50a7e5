"""Protocols spoken over HTTP, one package or module each."""

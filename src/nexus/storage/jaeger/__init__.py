"""Traces of a tenant in a Jaeger."""

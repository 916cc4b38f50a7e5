"""Traces of a tenant in a Grafana Tempo."""

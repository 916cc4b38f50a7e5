"""Metrics of a tenant in a VictoriaMetrics of its own: single node or cluster."""

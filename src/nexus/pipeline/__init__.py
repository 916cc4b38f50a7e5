"""Ingest: receiver -> decode -> processors -> store."""

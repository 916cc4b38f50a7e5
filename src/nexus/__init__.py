"""Nexus: an open observability platform."""

__version__ = "0.1.0"

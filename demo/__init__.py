"""Believable traffic for a running Nexus: a small shop, sent through the OpenTelemetry SDK."""

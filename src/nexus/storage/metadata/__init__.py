"""Metadata: users, sessions, API keys, tenants, settings. Contract in `api`, SQLite in `sqlite`."""

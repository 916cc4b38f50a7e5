"""The embedded metric store: a native head and series index over the engine's tables (ADR 0014)."""

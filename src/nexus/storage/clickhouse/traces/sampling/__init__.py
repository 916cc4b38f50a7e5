"""Tail sampling of traces (ADR 0021): spans of tenants that sample are stored as pending; what their trace is worth is
decided later, and those that are kept are moved to where all spans stay."""

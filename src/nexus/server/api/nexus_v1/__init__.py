"""The native API, one module per family of endpoints, each with its table of routes."""

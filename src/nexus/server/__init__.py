"""The doors: HTTP server, routes, native API, web UI."""

"""LogQL: `parse` text, `print_query` a tree, `lower` it into plans and native programs (`docs/reference/logql.md`)."""

from nexus.query.logql.parser import parse, parse_selector
from nexus.query.logql.printer import print_query

__all__ = ["parse", "parse_selector", "print_query"]

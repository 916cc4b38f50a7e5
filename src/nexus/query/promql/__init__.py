"""PromQL: `parse` text, `print_query` and `pretty` a tree, `lower` it into a program of the native evaluator."""

from nexus.query.promql.parser import parse, parse_selector
from nexus.query.promql.printer import pretty, print_query

__all__ = ["parse", "parse_selector", "pretty", "print_query"]

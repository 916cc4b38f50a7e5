"""The search language of logs: `parse` text, `print_query` a tree, `lower` it into a predicate of the plan."""

from nexus.query.logs.lower import lower, terms
from nexus.query.logs.parser import Clause, Query, parse
from nexus.query.logs.printer import print_query, quote

__all__ = ["Clause", "Query", "lower", "parse", "print_query", "quote", "terms"]

"""The part of LogQL that dashboards and alerts use, evaluated over lines in memory.

Written from Loki's documentation of LogQL and held, in test_recorded.py, to what Loki's own engine
answered. A query with anything else is a QueryError, never a guess.
"""

from tests.logql.engine import Answer, Stream, evaluate
from tests.logql.tree import QueryError

__all__ = ["Answer", "QueryError", "Stream", "evaluate"]

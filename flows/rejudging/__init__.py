"""Judging a run again after a verifier has changed: only what the change can reach, shown before anything is accepted.

`rules` says what a change can reach, `renew` carries over or judges, `flips` counts what is different, `run` drives it.
"""

from flows.rejudging.reverify_run import ReverifyRequest, reverify

__all__ = ["ReverifyRequest", "reverify"]

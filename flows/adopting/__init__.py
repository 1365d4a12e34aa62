"""Evaluations that other tools made, taken over: their logs, their numbers, and our verdicts on their answers.

`Adopt` is the kind of job, `adopt` does the same for one log; `stored_log` returns the original log.
"""

from rollmill.flows.adopting.adopt import AdoptRequest, adopt
from rollmill.flows.adopting.log_import import stored_log
from rollmill.flows.adopting.several import Adopt

__all__ = ["Adopt", "AdoptRequest", "adopt", "stored_log"]

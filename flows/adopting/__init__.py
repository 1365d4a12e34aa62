"""Evaluations that other tools made, taken over: their logs, their numbers, and our verdicts on their answers.

`adopt` is the command; `stored_log` gives a log back as it was.
"""

from flows.adopting.adopt import AdoptRequest, adopt
from flows.adopting.bring_in import stored_log

__all__ = ["AdoptRequest", "adopt", "stored_log"]

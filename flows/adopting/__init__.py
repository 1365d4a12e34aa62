"""Evaluations that other tools made, taken over: their logs, their numbers, and our verdicts on their answers.

`adopt_all` is the command, `adopt` the same for one log; `stored_log` gives a log back as it was.
"""

from flows.adopting.adopt import AdoptRequest, adopt
from flows.adopting.bring_in import stored_log
from flows.adopting.several import Adoption, adopt_all

__all__ = ["AdoptRequest", "Adoption", "adopt", "adopt_all", "stored_log"]

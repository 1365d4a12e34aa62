"""Rollouts that exist, looked at again: judged by changed verifiers, decided by another selection, or a version checked.

`reverify_*`: only what a change of verifiers can reach is judged, and shown before it is accepted (`reverify_run` is the
kind of job, `reverify_target` opens the run, `reverify_verdicts` carries over or judges, `reverify_flips` reports).
`selection`: what another policy would keep. `verification`: a published version checked against itself.
"""

from rollmill.flows.rejudging.reverify_run import Reverify, ReverifyRequest

__all__ = ["Reverify", "ReverifyRequest"]

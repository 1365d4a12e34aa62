"""Spending limit of a run (the command's, else the profile's), and the message when it is reached.

A limit cannot change a row: it only ends a command early, and the same command with a higher limit continues.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.money import UNITS, shown
from rollmill.ground.replies.faults import refused_replies, reply_lines
from rollmill.storage.spending import Limit

if TYPE_CHECKING:
    from rollmill.flows.job import Job
    from rollmill.flows.recipe.profile import Profile
    from rollmill.flows.rounds import OpenRun


class LimitReached(FoundWanting):
    """Drawing ended at a limit; everything drawn is kept. `reason`: `token limit` or `cost limit`."""

    def __init__(self, message: str, *, reason: str, next_command: str) -> None:
        self.reason = reason
        super().__init__(message, next_command=next_command)


def limit_of(job: "Job", profile: "Profile") -> Limit:
    """The limit of a job; SetupError for one on money if nothing has a price."""
    # Not `or`: a limit of 0 is a limit.
    tokens = profile.limits.tokens if job.max_tokens is None else job.max_tokens
    money = profile.limits.money if job.max_cost is None else _decimal(job.max_cost)
    # Every completion would count as free, and the limit would never end anything.
    if money is not None and profile.prices is None:
        raise SetupError(
            f"a limit of {money} on money, but the profile gives no prices.",
            next_command="write `prices: {input: 0.15, output: 0.60, currency: USD}` into the profile, or --max-tokens N",
        )
    # Whole units, because sums of floats depend on their order.
    return Limit(tokens, None if money is None else int(money * UNITS))


def limit_reached(run: "OpenRun", reason: str, where: str) -> LimitReached:
    """Error for a stage that a limit ended (`where`: its progress until then), with the command that continues."""
    limit, session = run.spec.limit, run.session
    paid = run.workspace.spending.paid(run.id)
    currency = None if session.profile.prices is None else session.profile.prices.currency
    if reason == "cost limit":
        most, spent = shown(limit.units or 0, currency), shown(paid.units, currency)
        job = replace(session.job, max_cost=f"{_higher(limit.units or 0, paid.units) / UNITS:g}")
    else:
        most, spent = f"{limit.tokens or 0:,} tokens", f"{paid.tokens:,}"
        job = replace(session.job, max_tokens=_higher(limit.tokens or 0, paid.tokens))
    given_up = run.workspace.spending.given_up(run.id)
    lost = f" and up to {given_up.tokens:,} tokens under way when it was killed or interrupted" if given_up.tokens else ""
    return LimitReached(
        f"the {reason} of {most} leaves no room for another completion: run {run.id} has spent {spent}{lost}; "
        f"what was drawn is kept. {where}",
        reason=reason,
        next_command=job.command,
    )


def check_refused(run: "OpenRun", counts: Mapping[str, Any]) -> None:
    """FoundWanting where no reply is an answer, or more are refused than the profile allows: their rate says nothing."""
    refused, whole, most = refused_replies(counts), counts["replies"], run.session.profile.http.max_failed
    if refused and (refused == whole or (most is not None and refused > most * (1 if most >= 1 else whole))):
        allowed = "" if most is None else f", and http.max_failed of the profile is {most:g}"
        raise FoundWanting(
            f"{refused:,} of {whole:,} replies of run {run.id} are refusals of their prompts{allowed}. "
            f"{'; '.join(reply_lines(counts))}.",
            next_command="correct generate, or the server and draw again with generate.redraw one higher",
        )


def _higher(limit: int, spent: int) -> int:
    """Suggested new limit: twice the old one, or twice what was spent if that is more."""
    # A command may set a lower limit than earlier ones have spent; 1, since twice 0 is 0.
    return 2 * max(limit, spent, 1)


def _decimal(text: str) -> Decimal:
    try:
        money = Decimal(text)
        # Decimal reads "NaN" and "Infinity" too.
        if not (money.is_finite() and money >= 0):
            raise InvalidOperation
    except InvalidOperation:
        raise SetupError(f"--max-cost {text!r} is not an amount of money.", choices=("--max-cost 2.50",)) from None
    return money

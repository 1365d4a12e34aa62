"""Cost and limits of a job before its start, as the page New run shows it beside the form of a kind."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from rollmill.dashboards.session.asked import CommandResult

RESUMES = "It goes on by itself when this page is closed, and from its last checkpoint should it be stopped."


def no_price(answer: CommandResult | None) -> str:
    """No sentence."""
    del answer
    return ""


def no_refusal(verb: str, answer: CommandResult | None) -> str | None:
    """No reason against a start."""
    del verb, answer
    return None


@dataclass(frozen=True)
class Takes:
    """Parts of the page for one kind, made of the answer of its dry run.

    `show` draws the answer; `price`: the cost in a sentence, for whoever confirms the start; `refusal`: the reason why a
    job of this verb cannot be started now; `note`: a sentence under the price.
    """

    show: Callable[[CommandResult], None]
    price: Callable[[CommandResult | None], str] = no_price
    refusal: Callable[[str, CommandResult | None], str | None] = no_refusal
    note: str = ""


def show_row(answer: CommandResult) -> None:
    """Draw the row that a dry run printed."""
    if answer.row is not None:
        st.json(answer.row, expanded=1)


DRY_RUN = Takes(show_row)

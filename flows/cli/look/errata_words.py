"""Words for people about an applied error ledger: the entries, and rates and ranks as judged and as corrected."""

from collections.abc import Mapping
from typing import Any

from rollmill.flows.cli.output import columns
from rollmill.ground.formats.rate_texts import with_interval

NONE = "errata: no recorded fault concerns these problems. Next: rollmill errata add NAME PROBLEM"


def applied(errata: Mapping[str, Any]) -> str:
    """Numbers of the applied entries."""
    return (
        f"errata: {errata['left_out']:,} problems left out, {errata['judged_again']:,} judged again by a corrected "
        "reference; nothing stored has changed"
    )


def errata_words(errata: Mapping[str, Any]) -> list[str]:
    """Lines about one corrected comparison and the numbers as they were judged."""
    if not errata["entries"]:
        return [NONE]
    row = errata["judged"]
    return [
        applied(errata),
        f"as judged, on {row['problems']:,} problems: {row['value_before']:.3f} and {row['value_after']:.3f}, difference "
        f"{with_interval(row['difference'], row['low'], row['high'], '+')}, p = {row['p']:.3g}; {row['decision']}",
    ]


def board_moves(errata: Mapping[str, Any]) -> str:
    """A table of the rates and ranks of a leaderboard as judged and as corrected."""
    if not errata["entries"]:
        return NONE
    rows = [
        [
            move["model"],
            move["benchmark"],
            " -> ".join(f"{count:,}" for count in move["problems"]),
            *(_rate(move[key]) for key in ("value_before", "value_after")),
            "-" if move["change"] is None else f"{move['change']:+.3f}",
            " -> ".join("-" if rank is None else str(rank) for rank in move["rank"]),
        ]
        for move in errata["moves"]
    ]
    means = [
        [
            row["model"],
            "mean",
            "",
            *(_rate(row[key]) for key in ("value_before", "value_after")),
            f"{row['change']:+.3f}",
            " -> ".join(map(str, row["rank"])),
        ]
        for row in errata["means"]
    ]
    head = ["model", "benchmark", "problems", "as judged", "corrected", "change", "rank"]
    return f"{columns(head, [*rows, *means])}\n{applied(errata)}"


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"

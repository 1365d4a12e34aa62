"""The page of `rollmill select --fdr`: the certificate, what it rests on, and the command that publishes it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rollmill.flows.rejudging.certifying import CertifiedSelection
    from rollmill.flows.rejudging.selection import SelectRequest


def certification(request: "SelectRequest", guarantee: str, by: tuple[str, ...], audit: str | None) -> "CertifiedSelection":
    """The certificate of a selection by a guarantee, written as `fdr level=.1`."""
    from rollmill.flows.evaluation.replay import name_and_options
    from rollmill.flows.rejudging.certifying import CertifyRequest, certification_of

    name, options = name_and_options(guarantee, "--guarantee 'fdr level=.1'")
    return certification_of(request, CertifyRequest(name, options, by, audit))


def page(row: Mapping[str, Any]) -> str:
    """A certificate for a person."""
    calibration, chosen = row["calibration"], row["chosen_on_the_same_rows"]
    lines = [
        f"{' '.join(row['guarantee'])} on {row['run']}: {row['kept']:,} of the {row['selected']:,} rows that the selection "
        "keeps.",
        f"  {row['claim']}",
        f"  {row['certified']:,} of {row['rows']:,} rows that nobody judged are certified, and "
        f"{row['kept'] - row['certified']:,} judged right are kept; {row['judged_wrong']:,} judged wrong and "
        f"{row['not_certified']:,} not certified are dropped.",
        f"  {calibration['n']:,} judged rows of {calibration['audit']} count, {calibration['right']:,} of them right.",
        f"  Assumption: {row['assumption']}.",
    ]
    if chosen:
        lines.append(f"  The claim includes the choice among: {', '.join(chosen)}.")
    lines += [f"  {name.replace('_', ' ')}: {value}" for name, value in row["facts"].items()]
    return "\n".join([*lines, "", "Nothing was written. To publish it: the same command with --publish"])

"""Published numbers compared with ours: each measured on the released outputs, by our verdicts and by their labels."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rollmill.methods import NotTestable, Status, digits
from rollmill_papers.claims.claim import number_status
from rollmill_papers.claims.released.published import Number, Published, Values

if TYPE_CHECKING:
    from rollmill.methods import Estimate
    from rollmill_papers.claims.released.released_outputs import Recorded

Row = dict[str, Any]


def number_rows(table: Published, numbers: Sequence[Number], outputs: "Mapping[str, Recorded]") -> list[Row]:
    """The result of each number; one whose outputs are not here says where to get them."""
    return [_row(table, number, outputs.get(number.output)) for number in numbers]


def number_row(table: Published, number: Number) -> Row:
    """Row of a published number before any measurement."""
    paper, output = table.papers[number.paper], table.outputs[number.output]
    return {
        "claim": number.name,
        "board": "numbers",
        "source": paper.source,
        "says": number.says or paper.says,
        "where": number.where,
        # Papers print percent, and everything here is a share.
        "published": None if number.published is None else digits(number.published / 100.0),
        "unit": number.unit / 100.0,
        "output": output.title,
        "note": number.note,
        "about": output.note,
    }


def _row(table: Published, number: Number, recorded: "Recorded | None") -> Row:
    row = number_row(table, number) | {"status": "not measured", "why": "", "ours": None, "labels": None, "beside": []}
    if recorded is None:
        return row | {"why": table.outputs[number.output].needed}
    try:
        ours = _estimate(recorded, number.value, number.less)
        beside = [{"label": part.label, **_shown(_estimate(recorded, part.value))} for part in number.beside]
    except NotTestable as reason:
        return row | {"why": str(reason)}
    labels = None if recorded.labelled is None else _estimate(recorded.labelled, number.value, number.less)
    row |= {"ours": _shown(ours), "labels": None if labels is None else digits(labels.value), "beside": beside}
    # Shown beside the figure all the same, but outputs of another run decide nothing.
    if not number.own and number.published is not None:
        return row | {"status": "inconclusive", "why": "the outputs are of another run than the figure"}
    outcome = _status(number, ours)
    if outcome == "inconclusive":
        return row | {"status": outcome, "why": f"the interval over {ours.n} problems is too wide to tell"}
    return row | {"status": outcome, "why": _grader(number, labels) if outcome == "contradicted" else ""}


def _status(number: Number, estimate: "Estimate") -> Status:
    published = None if number.published is None else number.published / 100.0
    return number_status(estimate, published, number.unit / 100.0, difference=number.less is not None)


def _grader(number: Number, labels: "Estimate | None") -> str:
    """Sentence on whether another grader explains a difference, from the labels of the outputs."""
    if labels is None:
        return "the outputs came without labels, so another grader cannot be ruled out"
    # If the labels contradict the figure too, the outputs differ from the paper's whoever grades them.
    explains = "does not explain it" if _status(number, labels) == "contradicted" else "explains it"
    return f"the labels that came with the outputs give {labels.value:.3f}, so the grader {explains}"


def _estimate(recorded: "Recorded", value: Values, less: Values | None = None) -> "Estimate":
    from rollmill_papers.claims.released import released_outputs

    sides = [getattr(released_outputs, side.of)(recorded, **side.options) for side in (value, less) if side is not None]
    return released_outputs.estimated(*sides)


def _shown(estimate: "Estimate") -> Row:
    return {
        "value": digits(estimate.value),
        "low": digits(estimate.low),
        "high": digits(estimate.high),
        "n": estimate.n,
    }

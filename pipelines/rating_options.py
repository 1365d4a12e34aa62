"""Options of models that rate texts, as the engine, the scorer and the search process `reward_model` take them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(kw_only=True)
class RatingRequest:
    """Options of one rating request to a server."""

    model: str
    """Name of the rating model, as the server lists it."""
    api: str = "score"
    """Request form: `score`, `classify` or `json`."""
    path: str = ""
    label: int | str | None = None
    """Class whose probability is the number, by place or name; none: the last."""
    template: str = ""
    """Text to classify, with `{problem}` and `{answer}`; empty: the conversation."""
    key: str = "score"
    """Path to the number in a JSON reply."""
    revision: str | None = None
    """Your name for this state of the model."""
    extra: Mapping[str, Any] | None = None
    """More keys for the request's body."""


@dataclass(kw_only=True)
class RatingOptions(RatingRequest):
    """Rating options, with the reduction of an answer's numbers to one value."""

    by_lines: bool = False
    """Rate the text up to each line."""
    reduce: str = "last"
    """Reduction of the values of lines to one: `last`, `min`, `mean` or `product`."""


def values_of(given: RatingRequest, of: type[RatingRequest] = RatingRequest) -> dict[str, Any]:
    """The options of `of`, by name."""
    return {option.name: getattr(given, option.name) for option in fields(of)}

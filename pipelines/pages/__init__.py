"""Pages of HTML that need nothing but themselves: the template of a module in the frame that all of them share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template

NUMBERS = Path(__file__).with_name("numbers.html.j2")


@dataclass(frozen=True, slots=True)
class PageSection:
    """A heading with texts, what a template draws as a plot, and a table; each may be missing."""

    heading: str = ""
    texts: Sequence[str] = ()
    plot: Mapping[str, Any] | None = None
    head: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()


@cache
def template(path: Path) -> "Template":
    """A template, which may extend those of this folder; every text is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader([path.parent, Path(__file__).parent])
    environment = Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    return environment.get_template(path.name)


def numbers_page(title: str, sections: Sequence[PageSection], path: Path = NUMBERS) -> str:
    """A report of numbers; `path`: a template that draws its plots."""
    return template(path).render(title=title, sections=sections)

"""The record of a page of the dashboard, and those that installed packages bring.

A package brings a page by an entry point in the group `rollmill.pages`, whose name is the page's title, for a `Page`.
"""

from collections.abc import Collection
from dataclasses import dataclass

from rollmill.ground.errors import SetupError

GROUP = "pages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the dashboard.

    `show`: place of the function that draws it, `package.module:name`, imported when the page is opened; `icon`: name of a
    Material icon; `about`: one sentence; `parameters`: those that its address may have, with None any.
    """

    show: str
    icon: str = "article"
    about: str = ""
    parameters: tuple[str, ...] | None = None


def path_of(title: str) -> str:
    """The path of a page: the first word of its title."""
    return title.lower().split()[0]


def page_titles() -> list[str]:
    """The titles of the pages that installed packages bring."""
    from rollmill.installed import entry_points

    return list(entry_points().get(GROUP, ()))


def package_page(title: str, taken: Collection[str] = ()) -> Page:
    """The page of this title that an installed package brings; SetupError if it cannot be shown or its path is `taken`."""
    from rollmill.installed import load, only_point, package_of

    point = only_point(GROUP, title, product=False)
    if point is None:
        raise SetupError(f"no package brings the page {title!r}.", choices=page_titles())
    page: Page = load("page", point, Page, "a Page")
    others = {path_of(other) for other in page_titles() if other != title}
    if path_of(title) in {*taken, *others}:
        raise SetupError(
            f"page {title!r} of the package {package_of(point)} has the address /{path_of(title)}, which another page has.",
            next_command=f"pip uninstall {package_of(point).split()[0]}, or an entry point with another first word in it",
        )
    return page

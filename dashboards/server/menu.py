"""The menu of the dashboard: the product's pages, and those of installed packages."""

from collections.abc import Mapping

from rollmill.ground.errors import SetupError
from rollmill.page import Page, package_page, page_titles, path_of


def _own(module: str, icon: str) -> Page:
    return Page(show=f"rollmill.dashboards.pages.{module}:show", icon=icon)


OWN_PAGES: Mapping[str, Page] = {
    "Home": _own("home", "home"),
    "New run": _own("start", "add_circle"),
    "Runs": _own("runs", "play_circle"),
    "Schedules": _own("schedules", "schedule"),
    "Datasets": _own("datasets", "inventory_2"),
    "Models": _own("models", "model_training"),
    "Diff": _own("diff", "difference"),
    "Explore": _own("explore", "search"),
    "Compare": _own("compare", "leaderboard"),
    "Difficulty": _own("difficulty", "bar_chart"),
    "Review": _own("review", "fact_check"),
    "Verifiers": _own("verifiers", "gavel"),
    "Papers": _own("papers", "menu_book"),
}
"""The product's pages by their titles, in the order of the menu."""
MOVED = {
    "home": ("Home", {}),
    "start": ("New run", {}),
    "overview": ("Runs", {}),
    "problems": ("Explore", {}),
    "budgets": ("Difficulty", {"view": "Budget"}),
}  # addresses of before, and of what people type: what took their place


def menu() -> tuple[dict[str, Page], list[SetupError]]:
    """All pages by their titles, and why pages of installed packages are left out."""
    pages, problems = dict(OWN_PAGES), []
    taken = {*map(path_of, OWN_PAGES), *MOVED}
    for title in page_titles():
        try:
            pages[title] = package_page(title, taken)
        except SetupError as error:
            problems.append(error)
    return pages, problems


def titles_by_path() -> dict[str, str]:
    """Title of each page by its path."""
    return {path_of(title): title for title in menu()[0]}


def is_path(path: str) -> bool:
    """True for an address of a page; "" is that of the first."""
    return not path or path in MOVED or path in titles_by_path()

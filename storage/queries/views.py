"""The saved views of Explore, for its page."""

from storage.queries.reader import Reader
from storage.views import Views


def saved_views(reader: Reader) -> dict[str, str]:
    """Every view's query by its name."""
    return Views(reader.state_folder).all()

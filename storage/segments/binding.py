"""Finds the place of a workspace's segments and binds it to one ledger, so that no ledger judges files of another.

Without it a mistyped URL or a disk that is not mounted would look like the loss of every segment, and a second ledger on
the same folder would take the first one's files for leftovers.
"""

from pathlib import Path

from storage.errors import SetupError
from storage.segments.local import LocalPlace
from storage.segments.place import Place
from storage.segments.registry import Registry


def place_for(url: str | None, state: Path, root: Path) -> Place:
    """The place of a URL or path (relative to the workspace); the default is a folder of its state."""
    if url is None:
        return LocalPlace(state / "segments")
    if "://" not in url:
        return LocalPlace(root / url)
    from storage.segments.remote import RemotePlace

    return RemotePlace(url, state / "scratch")


def bind(registry: Registry, place: Place) -> None:
    """Make sure that this place belongs to this ledger; a place with no owner becomes the ledger's if it has no segments.

    Raises SetupError where the place is another ledger's, or is not the one where this ledger's segments lie.
    """
    if place.owner() == registry.identity():
        return
    # Another command may be the first here at this moment. The owner is asked again after the ledger was looked into:
    # whoever registers a segment has written the ledger's name into the place before.
    empty, owner, ledger = registry.is_empty(), place.owner(), registry.ledger.where
    if owner == registry.identity():
        return
    if owner is not None and empty:
        raise SetupError(
            f"the ledger of the segments in {place.where} is missing: {ledger} holds nothing.",
            next_command="restore it or correct [ledger] url in rollmill.toml; where it is lost: rollmill doctor --rebuild",
        )
    if owner is not None:
        raise SetupError(
            f"the segments in {place.where} belong to another ledger than {ledger}.",
            next_command="correct [ledger] or [segments] in rollmill.toml or in the profile",
        )
    if not empty:
        raise SetupError(
            f"the ledger {ledger} has segments, but {place.where} holds none of them.",
            next_command="correct its url, mount the disk, restore the folder, or remove .rollmill to start anew",
        )
    if not registry.ledger.read_only:
        place.own(registry.identity())

"""Whether the files of a place can be trusted: whose they are, which are missing or altered, which nobody registered.

A place is bound to one ledger. Without that, a mistyped URL or a disk that is not mounted would look like the loss of every
segment, and a second ledger on the same folder would take the first one's files for leftovers. A file of a live process may
still be registered, so it is left alone; whether its maker lives is asked before the ledger is read, because a process that
was dead then cannot register afterwards.
"""

from collections.abc import Iterator

from storage.errors import SetupError
from storage.ledger.owners import Owner, maker_of
from storage.segments.files import mended
from storage.segments.keys import LostSegment, Segment
from storage.segments.place import Place
from storage.segments.registry import Registry
from storage.segments.schema import KINDS

# Long enough for a query that listed the files before a compaction; what it costs is disk space for that time.
GRACE_SECONDS = 900.0
# A maker on another host cannot be seen; no commit takes this long.
FOREIGN_SECONDS = 86_400.0


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


def check(registry: Registry, place: Place, *, deep: bool = False) -> list[LostSegment]:
    """Unregister every segment whose file cannot be trusted; deep reads all bytes against their checksum."""
    suspects = list(untrusted(registry, place, deep=deep))
    if not suspects:
        return []
    with registry.ledger.write() as session:
        # Asked again under the write lock: a compaction or another check may have unregistered a suspect meanwhile.
        still = {segment.id for kind in KINDS for segment in registry.segments_now(kind, session)}
        return [
            registry.lose(session, segment, problem, place.path(segment.kind, segment.id))
            for segment, problem in suspects
            if segment.id in still
        ]


def untrusted(registry: Registry, place: Place, *, deep: bool = False) -> Iterator[tuple[Segment, str]]:
    """Every segment whose file cannot be trusted, and what is wrong with it. Changes nothing."""
    bind(registry, place)  # a disk that was unmounted meanwhile is not the loss of every segment
    for kind in KINDS:
        segments = registry.segments(kind)
        sizes = place.sizes(((segment.kind, segment.id) for segment in segments), fresh=True)
        for segment in segments:
            problem = _problem(place, segment, sizes.get(segment.id), deep=deep)
            if problem:
                yield segment, problem


def mend(registry: Registry, place: Place) -> Iterator[tuple[Segment, str]]:
    """Put a sound file in the place of each whose seal stands in its statistics; the segment and the id of its new file.

    No row changes, nor which of two rows with one identity wins. What no transaction registered is an orphan for `sweep`.
    """
    for kind in KINDS:
        for segment in registry.segments(kind):
            made = mended(place, kind, segment.id)
            if made is None:
                continue
            with registry.ledger.write() as session:
                replaced = registry.replace(session, segment, *made)
            if replaced:
                yield segment, made[0]
            else:  # a compaction or a loss was faster
                place.remove(kind, made[0])


def sweep(registry: Registry, place: Place, *, grace: float = GRACE_SECONDS) -> int:
    """Remove files whose maker died before registering them, and files long replaced by compaction; how many."""
    bind(registry, place)
    lives: dict[Owner, bool | None] = {}
    with registry.ledger.read() as session:
        now = registry.ledger.now(session)  # this host's clock may be hours from those of the others
    dead = [(path, file_id) for path, file_id in place.files() if _is_dead(place, path, file_id, lives, now)]
    known = registry.known_ids() if dead else set()
    removed = 0
    for path, file_id in dead:
        if file_id not in known:
            place.discard(path)
            removed += 1
    return removed + registry.forget_retired(grace, place.remove)


def _is_dead(place: Place, path: str, file_id: str, lives: dict[Owner, bool | None], now: float) -> bool:
    maker = maker_of(file_id)
    if maker is None:
        return False
    if maker not in lives:  # thousands of files have few makers
        lives[maker] = maker.alive()
    if lives[maker] is None:
        return now - place.modified(path) > FOREIGN_SECONDS
    return not lives[maker]


def _problem(place: Place, segment: Segment, size: int | None, *, deep: bool) -> str | None:
    if size is None:
        return "missing"
    if size != segment.bytes:
        return f"damaged ({size} of {segment.bytes} bytes)"
    if deep and place.digest(segment.kind, segment.id) != segment.checksum:
        return "altered (its checksum differs)"
    return None

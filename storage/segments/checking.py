"""Trust checks of a segment store: ownership, missing or altered files, unregistered files.

A place is bound to one ledger. Without that, a mistyped URL or an unmounted disk would look like the loss of every
segment, and a second ledger on the same folder would treat the first one's files as leftovers. A live process may still
register its file, so the file is kept. The check for a live process comes before the read of the ledger: a process that is
dead by then cannot register the file afterwards.
"""

from collections.abc import Iterator

from rollmill.ground.errors import SetupError
from rollmill.storage.ledger.owners import Owner, maker_of
from rollmill.storage.segments.keys import KINDS, LostSegment, Segment
from rollmill.storage.segments.place import Place
from rollmill.storage.segments.registry import SegmentRegistry
from rollmill.storage.segments.segment_files import repaired_copy

# Long enough for a query that listed the files before a compaction; the cost is disk space for that time.
GRACE_SECONDS = 900.0
# A process on another host cannot be checked; no commit takes this long.
FOREIGN_SECONDS = 86_400.0


def bind(registry: SegmentRegistry, place: Place) -> None:
    """Ensure that this place belongs to this ledger; an unowned place is bound to it if the ledger has no segments.

    Raises SetupError for a place of another ledger, or for a place without this ledger's segments.
    """
    if place.owner() == registry.identity():
        return
    # Another command may be binding the place at this moment. The owner is read again after the ledger:
    # a process writes the ledger's name into the place before it registers a segment.
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
            next_command="correct its url, mount the disk, restore the folder, or remove .rollmill to start again",
        )
    if not registry.ledger.read_only:
        place.own(registry.identity())


def check(registry: SegmentRegistry, place: Place, *, deep: bool = False) -> list[LostSegment]:
    """Unregister every segment whose file cannot be trusted; deep reads all bytes against their checksum."""
    suspects = list(untrusted(registry, place, deep=deep))
    if not suspects:
        return []
    with registry.ledger.write() as session:
        # Read again under the write lock: a compaction or another check may have unregistered a suspect meanwhile.
        still = {segment.id for kind in KINDS for segment in registry.segments_now(kind, session)}
        return [
            registry.lose(session, segment, problem, place.path(segment.kind, segment.id))
            for segment, problem in suspects
            if segment.id in still
        ]


def untrusted(registry: SegmentRegistry, place: Place, *, deep: bool = False) -> Iterator[tuple[Segment, str]]:
    """Every untrusted segment with its fault. Changes nothing."""
    bind(registry, place)  # a disk unmounted meanwhile is not the loss of every segment
    for kind in KINDS:
        segments = registry.segments(kind)
        sizes = place.sizes(((segment.kind, segment.id) for segment in segments), fresh=True)
        for segment in segments:
            problem = _problem(place, segment, sizes.get(segment.id), deep=deep)
            if problem:
                yield segment, problem


def repair_segments(registry: SegmentRegistry, place: Place) -> Iterator[tuple[Segment, str]]:
    """Replace each file whose seal overwrote a statistic with a corrected copy; the segment and the id of its new file.

    No row changes, nor the winner of two rows with one identity. An unregistered copy is an orphan for `sweep`.
    """
    for kind in KINDS:
        for segment in registry.segments(kind):
            made = repaired_copy(place, kind, segment.id)
            if made is None:
                continue
            with registry.ledger.write() as session:
                replaced = registry.replace(session, segment, *made)
            if replaced:
                yield segment, made[0]
            else:  # another process compacted or unregistered it first
                place.remove(kind, made[0])


def sweep(registry: SegmentRegistry, place: Place, *, grace: float = GRACE_SECONDS) -> int:
    """Remove unregistered files of dead processes and files replaced long ago by compaction; the number of files."""
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
    if maker not in lives:  # thousands of files come from few processes
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

"""Finds registered files that are missing, short or altered, and files that nobody registered. Makes no row again.

A file of a live process may still be registered; it is left alone. Whether the maker lives is asked before the ledger is
read: a process that was dead then cannot register afterwards.
"""

import hashlib
import time
from collections.abc import Iterator

from storage.ledger.owners import Owner, maker_of
from storage.segments.binding import bind
from storage.segments.keys import LostSegment, Segment
from storage.segments.place import Place
from storage.segments.registry import Registry
from storage.segments.schema import KINDS

# Long enough for a query that listed the files before a compaction; what it costs is disk space for that time.
GRACE_SECONDS = 900.0
# A maker on another host cannot be seen; no commit takes this long.
FOREIGN_SECONDS = 86_400.0


def check(registry: Registry, place: Place, *, deep: bool = False) -> list[LostSegment]:
    """Unregister every segment whose file cannot be trusted; deep reads all bytes against their checksum."""
    suspects = list(untrusted(registry, place, deep=deep))
    if not suspects:
        return []
    with registry.ledger.write() as session:
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


def sweep(registry: Registry, place: Place, *, grace: float = GRACE_SECONDS) -> int:
    """Remove files whose maker died before registering them, and files long replaced by compaction; how many."""
    bind(registry, place)
    lives: dict[Owner, bool | None] = {}
    dead = [(path, file_id) for path, file_id in place.files() if _is_dead(place, path, file_id, lives)]
    known = registry.known_ids() if dead else set()
    removed = 0
    for path, file_id in dead:
        if file_id not in known:
            place.discard(path)
            removed += 1
    return removed + registry.forget_retired(grace, place.remove)


def _is_dead(place: Place, path: str, file_id: str, lives: dict[Owner, bool | None]) -> bool:
    maker = maker_of(file_id)
    if maker is None:
        return False
    if maker not in lives:  # thousands of files have few makers
        lives[maker] = maker.alive()
    if lives[maker] is None:
        return time.time() - place.modified(path) > FOREIGN_SECONDS
    return not lives[maker]


def _problem(place: Place, segment: Segment, size: int | None, *, deep: bool) -> str | None:
    if size is None:
        return "missing"
    if size != segment.bytes:
        return f"damaged ({size} of {segment.bytes} bytes)"
    if deep and digest(place, segment) != segment.checksum:
        return "altered (its checksum differs)"
    return None


def digest(place: Place, segment: Segment) -> str:
    """The SHA-256 of a segment's file as it lies there; empty where the system cannot read it to its end."""
    found = hashlib.sha256()
    try:
        with place.open(segment.kind, segment.id) as file:
            while chunk := file.read(1 << 20):
                found.update(chunk)
    except OSError:  # a disk that cannot give a block back
        return ""
    return found.hexdigest()

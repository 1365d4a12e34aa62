"""What upkeep asks of a kind of artifacts: where the files of a version are, what they must be, what follows from them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rollmill.storage.artifacts.index import Index
from rollmill.storage.artifacts.references import ArtifactReferences, E, V

if TYPE_CHECKING:
    from rollmill.storage.workspace import Workspace


@dataclass(frozen=True)
class LedgerMarks:
    """What the ledger has of a version whose index was lost. `created_at`: seconds since 1970."""

    created_at: float
    tags: tuple[str, ...]
    yanked: str | None


class ArtifactKind(ABC, ArtifactReferences[E, V]):
    """A kind of artifacts. `manifest`: name of the manifest in a version's folder."""

    manifest: ClassVar[str]

    @abstractmethod
    def is_here(self, version: V, /) -> bool:
        """True for a version whose files are in this clone."""

    @abstractmethod
    def is_whole(self, version: V, /) -> bool:
        """True for a version with all of its files, as far as that can be told quickly."""

    @abstractmethod
    def require_placed(self, version: V, again: str, /) -> None:
        """FoundWanting if files that DVC placed are not the published ones; `again` is the next command."""

    @abstractmethod
    def entry(self, number: int, manifest: Mapping[str, Any], created_at: datetime, place: Path) -> E:
        """The entry of a version by its manifest; `place` is its folder, which may be missing."""

    @abstractmethod
    def parent(self, version: V, /) -> str | None:
        """Content hash of the version that this one came from."""

    @abstractmethod
    def is_freed(self, file: str) -> bool:
        """True for a file that `gc` removes from DVC's cache, by its name."""

    @abstractmethod
    def named_by(self, ws: "Workspace", known: Sequence[V]) -> Iterator[str]:
        """References of other artifacts that rest on these versions of one artifact."""

    def placed(self, version: V, /, *, again: bool) -> None:
        """Write the local files that follow from the published ones; `again`: those too that are there."""

    def saved(self, root: Path, index: Index[E], /) -> None:
        """Bring what follows from an index up to date, after it or the files beside it changed."""

    def record(self, ws: "Workspace", version: V, /) -> None:
        """Write a version's row in the ledger."""

    def reindex(self, ws: "Workspace") -> object:
        """Write every row of this kind in the ledger again."""

    def finish(self, ws: "Workspace") -> object:
        """Finish publications that a kill cut short."""

    def recorded(self, ws: "Workspace", name: str) -> Mapping[str, LedgerMarks]:  # noqa: ARG002
        """What the ledger has of the versions of an artifact, by folder."""
        return {}

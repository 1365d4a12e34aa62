"""The workspace: a folder with rollmill.toml, its ledger, segments, spools and datasets. Opens each part on first use.

Knows the locations; knows nothing of the meaning of rows.
"""

import tomllib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rollmill.ground.errors import SetupError, explained, no_runs
from rollmill.ground.files import close_to_readers, ensure_lines, other_owner
from rollmill.ground.planted.links import MADE_BY_INIT, WRITTEN, refuse_planted
from rollmill.storage.spool import Spool

# Parts are imported on use: SQLAlchemy and Arrow take longer to import than everything else here.
if TYPE_CHECKING:
    from rollmill.storage.audits import Audits, Verifiers
    from rollmill.storage.import_records import Imports
    from rollmill.storage.ledger.engine import Ledger
    from rollmill.storage.run_records import Attempts, Firings, Forecasts
    from rollmill.storage.runs import Runs
    from rollmill.storage.segments.place import Place
    from rollmill.storage.segments.store import SegmentStore
    from rollmill.storage.segments.upkeep.rebuild import Rebuilt
    from rollmill.storage.spending import Spending
    from rollmill.storage.trainings import Trainings
    from rollmill.storage.trainings.experiments import Experiments

MARKER = "rollmill.toml"
STATE = ".rollmill"
_SETTINGS = ("[ledger] url", "[segments] url", "[up] port")
_NO_DATABASE = "?\\"  # DuckDB reads options after a ?, and a backslash as the end of a folder's name
_TEMPLATE = """\
# This folder is a Rollmill workspace. Everything below is optional.

# [ledger]
# url = "postgresql://user@host/name"     # default: SQLite in .rollmill/ledger.sqlite

# [segments]
# url = "s3://bucket/prefix"              # default: .rollmill/segments

# [up]
# port = 4200                             # of Prefect's pages while `rollmill up` runs; 0 is any that is free
"""
UP_PORT = 4200


class Workspace:
    """A workspace; a context manager that closes the parts it opened."""

    def __init__(
        self, root: Path, *, ledger_url: str | None = None, segments_url: str | None = None, read_only: bool = False
    ) -> None:
        _refuse_odd_path(root)
        refuse_planted(root, WRITTEN)
        settings = _settings(root / MARKER)
        self.root = root
        self.state = root / STATE
        self.datasets = root / "datasets"
        self.models = root / "models"
        self._ledger_url = ledger_url or settings["ledger"]
        self._segments_url = segments_url or settings["segments"]
        self.up_port: int = settings["up"]
        self._read_only = read_only
        for place in (self.state, self.datasets):
            if place.exists() and not place.is_dir():
                raise SetupError(
                    f"{place} is not a folder, and the workspace needs one there.", next_command=f"mv {place} {place}.was"
                )
        if not read_only:
            for place in (self.state, root / ".dvc" / "tmp"):
                close_to_readers(place)

    @classmethod
    def init(cls, path: Path) -> "Workspace":
        """Make `path` a workspace; overwrites nothing, so it may be repeated."""
        root = path.resolve()
        _refuse_odd_path(root)
        refuse_planted(root, {**WRITTEN, **MADE_BY_INIT})
        with explained(root):
            (root / STATE).mkdir(parents=True, exist_ok=True)
            if not (root / MARKER).exists():
                (root / MARKER).write_text(_TEMPLATE, encoding="utf-8")
            ensure_lines(root / ".gitignore", [f"{STATE}/"])
            ensure_lines(root / ".dvcignore", [f"{STATE}/", "__pycache__/"])
        return cls(root)

    @classmethod
    def open(
        cls,
        path: Path | None = None,
        *,
        ledger_url: str | None = None,
        segments_url: str | None = None,
        read_only: bool = False,
    ) -> "Workspace":
        """The workspace of the nearest parent folder with a rollmill.toml; URLs given here override its own.

        `read_only` writes nothing: SetupError for a ledger that is missing or has an older schema.
        """
        start = (path or Path.cwd()).resolve()
        for folder in (start, *start.parents):
            if (folder / MARKER).is_file():
                _refuse_strangers(folder, entered=folder == start)
                return cls(folder, ledger_url=ledger_url, segments_url=segments_url, read_only=read_only)
        raise SetupError(
            f"{start} is not in a Rollmill workspace: no {MARKER} here or above.", next_command="rollmill init"
        )

    @property
    def unused(self) -> bool:
        """True for a workspace without stored rows: it has neither a ledger nor segments."""
        own = self._ledger_url is None and self._segments_url is None
        return own and not (self.state / "ledger.sqlite").exists() and not any((self.state / "segments").rglob("*.parquet"))

    def require_runs(self) -> None:
        """SetupError for a workspace without stored rows; for commands, before they load what reads rows."""
        if self.unused:
            raise no_runs()

    @cached_property
    def ledger(self) -> "Ledger":
        """The ledger, brought to this version's schema."""
        from rollmill.storage.ledger.engine import Ledger

        if self._ledger_url is None:
            if not self._read_only:
                with explained(self.state):
                    self.state.mkdir(exist_ok=True)
            return Ledger(f"sqlite:///{self.state / 'ledger.sqlite'}", state=self.state, read_only=self._read_only)
        return Ledger(_absolute(self._ledger_url, self.root), state=self.state, read_only=self._read_only)

    @cached_property
    def trainings(self) -> "Trainings":
        """The trainings of models."""
        from rollmill.storage.trainings import Trainings

        return Trainings(self.ledger)

    @cached_property
    def experiments(self) -> "Experiments":
        """The trials and loops."""
        from rollmill.storage.trainings.experiments import FOLDER, Experiments

        return Experiments(self.ledger, self.state / FOLDER)

    @cached_property
    def segments(self) -> "SegmentStore":
        """The segment store."""
        from rollmill.storage.segments.checking import bind

        store = self._unbound()
        bind(store.registry, store.place)
        return store

    def _unbound(self) -> "SegmentStore":
        from rollmill.storage.segments.registry import SegmentRegistry
        from rollmill.storage.segments.store import SegmentStore

        return SegmentStore(SegmentRegistry(self.ledger), self.place)

    @cached_property
    def place(self) -> "Place":
        """The place of the segments' files."""
        from rollmill.storage.segments.place import place_for

        return place_for(self._segments_url, self.state, self.root)

    def rebuild(self) -> "Rebuilt":
        """Register the segments again for a lost ledger; SetupError if none was lost."""
        from rollmill.storage.segments.upkeep.rebuild import rebuild

        store = self._unbound()
        with store.connection() as connection:
            return rebuild(store.registry, store.place, connection)

    @cached_property
    def runs(self) -> "Runs":
        """The runs."""
        from rollmill.storage.runs import Runs

        return Runs(self.ledger, lambda: self.segments)

    @cached_property
    def verifiers(self) -> "Verifiers":
        """The verifier versions used here, with their rules."""
        from rollmill.storage.audits import Verifiers

        return Verifiers(self.ledger)

    @cached_property
    def audits(self) -> "Audits":
        """The audits of verifiers, and people's judgements."""
        from rollmill.storage.audits import Audits

        return Audits(self.ledger)

    @cached_property
    def attempts(self) -> "Attempts":
        """Attempts at servers."""
        from rollmill.storage.run_records import Attempts

        return Attempts(self.ledger)

    @cached_property
    def imports(self) -> "Imports":
        """The imports by name."""
        from rollmill.storage.import_records import Imports

        return Imports(self.ledger)

    @cached_property
    def firings(self) -> "Firings":
        """The firings of its schedules."""
        from rollmill.storage.run_records import Firings

        return Firings(self.ledger)

    @cached_property
    def forecasts(self) -> "Forecasts":
        """Forecasts of runs, and their scores."""
        from rollmill.storage.run_records import Forecasts

        return Forecasts(self.ledger)

    @cached_property
    def spending(self) -> "Spending":
        """Spending of runs."""
        from rollmill.storage.spending import Spending

        return Spending(self.ledger)

    def spool(self, batch_id: str) -> Spool:
        """The spool of a batch; its file appears with the first append."""
        return Spool(self.state / "spool", batch_id)

    def recover(self) -> list[str]:
        """Repair the effects of crashes and lost files. Called when a writing command starts; returns lines for the user.

        A segment whose file is missing or too short is reported and removed from the ledger, so that only its rows are made
        again. Files that a dead process left unregistered are deleted, as are its leases. A spool (the journal of received
        replies) is deleted once all of its replies are stored.
        """
        from rollmill.storage.segments.checking import sweep

        self.ledger.must_write()
        # Before the spools: a spool with replies of a lost segment must stay, as it still has them.
        lines = [lost.line() for lost in self.segments.check_at_start()]
        sweep(self.segments.registry, self.segments.place)
        self._drop_spools()
        self.ledger.leases.forget_dead()
        return lines

    def _drop_spools(self) -> None:
        """Remove spools of dead processes whose every reply is stored. Spools of live processes stay."""
        spools = list((self.state / "spool").glob("*.jsonl"))
        leases = (
            self.ledger.leases.held() if spools else {}
        )  # checked after listing: a process takes its lease before it makes its spool
        for path in spools:
            if f"batch/{path.stem}" in leases:
                continue
            replies = [completion.id for completion in self.spool(path.stem).read()]
            if len(self.segments.present("completions", replies)) == len(replies):
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Release connections; safe to call twice."""
        for name in ("runs", "verifiers", "audits", "attempts", "spending", "forecasts", "imports", "firings", "trainings"):
            self.__dict__.pop(name, None)
        for name in ("segments", "ledger"):
            part = self.__dict__.pop(name, None)
            if part is not None:
                part.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _refuse_odd_path(root: Path) -> None:
    """SetupError for a path in which no dataset could be published: better before the first draw than after it."""
    odd = sorted({character for character in _NO_DATABASE if character in str(root)})
    if odd:
        raise SetupError(
            f"the path {str(root)!r} holds {' and '.join(map(repr, odd))}, and DuckDB cannot write a database there.",
            next_command="move or rename the folder",
        )


def _refuse_strangers(folder: Path, *, entered: bool) -> None:
    """SetupError for a workspace of another user that the person did not enter: one above the current folder, or one in a
    folder such as /tmp, where everybody may write.
    """
    if entered and not folder.stat().st_mode & 0o002:
        return
    places = (folder / MARKER, folder / STATE, *(() if entered else (folder,)))
    if stranger := next(filter(None, map(other_owner, places)), ""):
        raise SetupError(
            f"{folder / MARKER} is of a workspace of the user {stranger}: it is not used.",
            next_command=f"{'' if entered else f'cd {folder} (to use it), or '}rollmill init in a folder of yours",
        )


def _settings(marker: Path) -> dict[str, Any]:
    """Settings of rollmill.toml: the URLs of ledger and segments, None by default, and the port of `up`."""
    try:
        content: dict[str, Any] = tomllib.loads(marker.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"{marker} cannot be read: {error}.") from error
    settings: dict[str, Any] = {"ledger": None, "segments": None, "up": UP_PORT}
    for section, values in content.items():
        key = "port" if section == "up" else "url"
        if section not in settings or not isinstance(values, dict) or set(values) - {key}:
            raise SetupError(f"{marker}: {section!r} is not known here.", choices=_SETTINGS)
        settings[section] = values.get(key, settings[section])
        if key == "url" and not isinstance(settings[section], str | None):
            raise SetupError(f"{marker}: [{section}] url must be a text.")
    if type(settings["up"]) is not int or not 0 <= settings["up"] < 1 << 16:
        raise SetupError(
            f"{marker}: [up] port {settings['up']!r} is not a port number.", choices=("0 (any)", "1024 to 65535")
        )
    return settings


def _absolute(url: str, root: Path) -> str:
    """The absolute form of a ledger URL: a relative SQLite path is relative to the workspace, wherever the command runs."""
    prefix = "sqlite:///"
    return f"{prefix}{root / url[len(prefix) :]}" if url.startswith(prefix) else url

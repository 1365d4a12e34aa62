"""Clean rows of a file: forms that other tools write become rows of an import, columns are found, texts made storable.

An import may go through its file several times, and every way uses this module.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from rollmill.ground.errors import SetupError, Unavailable
from rollmill.storage.imports.account import ColumnAccount
from rollmill.storage.imports.forms import Values, rewritten
from rollmill.storage.imports.logs import lm_eval
from rollmill.storage.imports.logs.lm_eval import KEYS, FilterScores
from rollmill.storage.imports.logs.logged_models import LoggedModels
from rollmill.storage.imports.reading.cells import CellError, Sanitiser, root, value_at
from rollmill.storage.imports.reading.columns import Aliases, Columns, listed, resolve
from rollmill.storage.imports.reading.faults import Faults
from rollmill.storage.imports.reading.lines import FileRow
from rollmill.storage.imports.reading.readers import read_rows
from rollmill.storage.imports.reading.splits import split_of
from rollmill.storage.imports.spec import ImportSpec

_DETECT_ROWS = 200  # of files whose rows all have the same columns


def detect(spec: ImportSpec, aliases: Aliases, faults: Faults | None = None, *, first: bool = False) -> Columns:
    """The column mapping of a file, from the columns of its first rows; of JSON lines all, as each may bring others, unless
    only the `first` ones are asked for.
    """
    if spec.layout is not None:
        spec.layout.check(next(read_rows(spec.path, max_bytes=spec.max_bytes)).values.keys(), spec.path)
    names: dict[str, None] = {}
    formats: dict[str, None] = {}
    fixed = spec.rows is None and {".parquet", ".csv", ".tsv"} & {suffix.lower() for suffix in spec.path.suffixes}
    sanitiser = Sanitiser()
    for row in clean_rows(spec, sanitiser, faults, limit=_DETECT_ROWS if fixed or first else None):
        names.update(dict.fromkeys(row.values))
        formats.update(dict.fromkeys([row.format] if row.format else []))
    if not names and faults is not None and len(faults):
        where, reason = next(iter(faults.reasons.items()))
        more = f" ({len(faults):,} such rows)" if len(faults) > 1 else ""
        raise SetupError(f"no row of {spec.path} can be read: {where} {reason}{more}; nothing was stored.")
    if not names and sanitiser.empty:
        raise SetupError(
            f"no row of {spec.path} holds an answer: {sanitiser.empty:,} requests in it failed; nothing was stored.",
            next_command="look at the errors in its rows, and ask again",
        )
    if spec.layout is not None:
        aliases = {name: (name,) for name in aliases}  # the layout has named every field by now
    constants = _constants(spec, names) if "split" in aliases else spec.constants
    columns = resolve(tuple(names), aliases, maps=spec.maps, constants=constants, path=spec.path)
    columns = replace(columns, format=", ".join(formats))
    return columns if spec.layout is None else replace(columns, exact=True, places=spec.layout.places())


def _constants(spec: ImportSpec, names: Collection[str]) -> Mapping[str, str]:
    """The person's constants, and the split that the name of a file says where no column does."""
    split = None if spec.path.is_dir() or spec.rows is not None else split_of(Path(spec.path.name))
    told = split is None or "split" in spec.maps or any(name.lower() == "split" for name in names)
    return spec.constants if told else {"split": str(split), **spec.constants}


def source_rows(spec: ImportSpec) -> Iterator[FileRow]:
    """The rows as in the file, unreadable ones included."""
    return read_rows(spec.path, faulty=True, max_bytes=spec.max_bytes) if spec.rows is None else spec.rows()


def clean_rows(
    spec: ImportSpec,
    sanitiser: Sanitiser,
    faults: Faults | None = None,
    *,
    limit: int | None = None,
    account: ColumnAccount | None = None,
) -> Iterator[FileRow]:
    """The rows of a file in the form that an import knows, every text storable; the sanitiser counts its replacements, and
    the account its columns.

    A row with a fault is left out where faults are gathered, and raises it otherwise.
    """
    faults = Faults(spec.path) if faults is None else faults
    filters, models = FilterScores(lambda: source_rows(spec)), LoggedModels(spec.path, sanitiser.models)
    model_given = "model" in {**spec.maps, **spec.constants}
    for row in islice(source_rows(spec), limit):
        # A later pass leaves out what an earlier one found.
        if row.where in faults:
            continue
        if row.fault is not None:
            faults.add(row.where, row.fault)
            continue
        paths = [path for path in spec.maps.values() if path not in row.values and root(path) in row.values]
        try:
            # Who maps a place inside a cell has said what the row means: no form of a tool is looked for.
            known = bool(paths) or spec.rows is not None
            values = row.values if known or not row.values.keys() >= KEYS else filters.joined(row.values)
            if values is None:  # a row of an answer that is there already
                sanitiser.filters[str(row.values.get("filter"))] += 1
                continue
            name, rows = ("", [values]) if known else _rows_of(spec, values)
        except CellError as error:
            faults.add(row.where, error)
            continue
        sanitiser.empty += not rows  # a request that failed holds no answer
        if account is not None:
            account.add(row.values, rows)
        for values in models.named(row.where, rows) if name == lm_eval.NAME and not model_given else rows:
            mapped = {path: value_at(values, path) for path in paths}
            yield FileRow(row.where, sanitiser.row({**values, **mapped}), row.format or name)


def _rows_of(spec: ImportSpec, values: Values) -> tuple[str, list[Values]]:
    """The rows in a row of a file, by the layout that was named, or by the tool whose form it has."""
    if spec.layout is None:
        return rewritten(values)
    return f"benchmark {spec.layout.name}", [spec.layout.rewrite(values)]


def mark(path: Path) -> tuple[int, int]:
    """Size and modification time: differs when a file was written to between two readings."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def unchanged(path: Path, before: tuple[int, int]) -> None:
    """Raise Unavailable if the file changed since `before`: the checked rows would not be the stored ones."""
    if mark(path) != before:
        next_command = "run the same import again"
        raise Unavailable(f"{path} changed while it was read; nothing was stored.", next_command=next_command)


@dataclass(slots=True)
class Places:
    """Place of each key's first appearance, and the repeated keys."""

    first: dict[str, str] = field(default_factory=dict)
    again: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, key: str, where: str) -> None:
        """Record an appearance."""
        before = self.first.setdefault(key, where)
        if before != where:
            self.again.append((key, before, where))

    def require_unique(self, what: str, path: Path, faults: Faults) -> None:
        """Raise SetupError with the repeated keys and their places, or note each place as a fault."""
        for key, before, where in self.again if faults.gather else ():
            faults.add(where, f"it gives the same {what} as {before}: {key!r}")
        if self.again and not faults.gather:
            named = listed(f"{key!r} ({before} and {where})" for key, before, where in self.again)
            raise SetupError(f"{path} gives the same {what} more than once: {named}; nothing was stored.")

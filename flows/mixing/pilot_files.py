"""Pilots of a mixture read from a file of shares and losses, or from a trial whose arms are mixtures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.files import read_object
from rollmill.pipelines.mix.pilots.pilot import Pilots
from rollmill.storage.imports.reading.number_cells import number_at
from rollmill.storage.imports.reading.readers import read_rows
from rollmill.storage.queries import Reader
from rollmill.storage.queries.reader import version_manifest

AGAIN = "rollmill trial RECIPE, whose arms are versions of `rollmill mix`"


def pilots_of_file(file: Path, loss: str, size: str) -> Pilots:
    """Pilots of a CSV or Parquet file, or of JSON lines: columns of loss and size, and one of shares for each source.

    Without a column of sizes all have size 1. SetupError for a value that is no number.
    """
    rows = list(read_rows(file))
    known = tuple(rows[0].values)
    if loss not in known:
        raise SetupError(f"{file} has no column {loss!r}.", choices=known, next_command="--loss COLUMN")
    names = tuple(name for name in known if name not in (loss, size))
    columns = {name: [number_at(file, row, name) for row in rows] for name in (*names, loss)}
    sizes = [number_at(file, row, size) if size in known else 1.0 for row in rows]
    # Without any source the array is flat, and the law needs (pilots, sources).
    shares = np.array([columns[name] for name in names], dtype=np.float64).T.reshape(len(rows), len(names))
    return Pilots(names, shares, np.array(columns[loss]), np.array(sizes))


def pilots_of_trial(root: Path, name: str) -> Pilots:
    """Pilots of a finished trial: an arm's loss is 1 less its rate at the first k, its size the rows of its mixture.

    SetupError for an unknown trial, or an arm that is no mixture.
    """
    path = root / "reports" / name / "trial.json"
    if not path.is_file():
        known = sorted(file.parent.name for file in (root / "reports").glob("*/trial.json"))
        raise SetupError(f"there is no file and no trial {name!r}.", choices=known or ["a CSV file"], next_command=AGAIN)
    outcome = read_object(path, next_command=AGAIN)
    try:
        return _of_outcome(root, name, outcome)
    except (KeyError, TypeError, ValueError) as error:
        raise SetupError(f"{path} is damaged: {type(error).__name__}: {error}.", next_command=AGAIN) from None


def _of_outcome(root: Path, name: str, outcome: Mapping[str, Any]) -> Pilots:
    """Pilots of a trial's outcome; KeyError, TypeError or ValueError for one that is damaged."""
    rates: dict[str, float] = {}
    for row in outcome["comparisons"]:
        if row["primary"]:
            # The first arm has no row of its own: its rate is the one before each comparison.
            rates |= {row["against"]: row["value_before"], row["arm"]: row["value_after"]}
    with Reader.open(root) as reader:
        shares = {arm["arm"]: _shares_of(reader, name, arm) for arm in outcome["arms"] if arm["arm"] in rates}
    sources = tuple(dict.fromkeys(source for part in shares.values() for source in part))
    sizes = {arm["arm"]: float(arm["rows"]) for arm in outcome["arms"]}
    table = [[part.get(source, 0.0) for source in sources] for part in shares.values()]
    # Laws take the logarithm of a loss, so a perfect arm must not have loss 0.
    losses = np.array([max(1.0 - rates[arm], 1e-6) for arm in shares])
    return Pilots(sources, np.array(table, dtype=np.float64), losses, np.array([sizes[arm] for arm in shares]))


def _shares_of(reader: Reader, trial: str, arm: Mapping[str, Any]) -> dict[str, float]:
    """The actual share of each source in the data of an arm."""
    versions = [part["version"] for part in arm["data"]]
    # The shares of an arm of several versions would be those of none of its mixtures.
    mixture = version_manifest(reader, versions[0]).get("mixture") if len(versions) == 1 else None
    if mixture is None:
        raise SetupError(
            f"arm {arm['arm']!r} of trial {trial!r} is trained on {', '.join(versions)}, which is no mixture.",
            next_command=AGAIN,
        )
    return {row["source"]: float(row["share"]) for row in mixture["sources"]}

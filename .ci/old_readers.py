"""A version in the oldest DuckDB that opens it, and from there in pandas and polars; run without Rollmill.

python .ci/old_readers.py FOLDER_OF_A_VERSION    # in an environment with duckdb==1.4.0, pandas, polars and pyarrow
"""

import json
import sys
from pathlib import Path

import duckdb


def main(folder: Path) -> None:
    """Check that every table and view opens, and that both libraries get the kept rows that the manifest counts."""
    assert duckdb.__version__ == "1.4.0"
    kept = json.loads((folder / "manifest.json").read_text())["counts"]["kept"]
    with duckdb.connect(str(folder / "dataset.duckdb"), read_only=True) as connection:
        names = [name for (name,) in connection.sql("SELECT table_name FROM information_schema.tables").fetchall()]
        assert {"problems", "rollouts", "verdicts", "decisions", "manifest", "kept", "joined"} <= set(names)
        for name in names:
            connection.sql(f"FROM {name}").fetchall()
        rows = connection.sql("FROM kept")
        assert (len(rows.df()), len(rows.pl()), len(rows.fetchall())) == (kept, kept, kept)
    print(f"DuckDB 1.4.0, pandas and polars: {kept:,} kept rows")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

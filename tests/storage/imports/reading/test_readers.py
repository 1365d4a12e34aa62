"""Files to rows: every format, and every way a file can be broken, named with its place."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.imports.reading.readers import read_rows
from rollmill.storage.imports.reading.splits import split_of

ROWS: list[dict[str, Any]] = [{"question": "2+2?", "answer": "4"}, {"question": 'say "é",\nthen 3', "answer": "3"}]
LINES = '{"question": "2+2?", "answer": "4"}\n\n{"question": "say \\"é\\",\\nthen 3", "answer": "3"}\n'
CSV = 'question,answer\n2+2?,4\n"say ""é"",\nthen 3",3\n'


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def message(path: Path) -> str:
    with pytest.raises(SetupError) as caught:
        list(read_rows(path))
    return str(caught.value).replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("name", "content", "places"),
    [
        ("a.jsonl", LINES, ["line 1", "line 3"]),
        ("a.ndjson.gz", LINES, ["line 1", "line 3"]),
        (
            "a.json",
            '[{"question": "2+2?", "answer": "4"},\n{"question": "say \\"é\\",\\nthen 3", "answer": "3"}]',
            ["item 1", "item 2"],
        ),
        ("b.json", LINES, ["line 1", "line 3"]),
        ("a.csv", CSV, ["line 2", "line 4"]),
        ("a.csv.gz", "\ufeff" + CSV, ["line 2", "line 4"]),
        ("a.tsv", 'question\tanswer\n2+2?\t4\n"say ""é"",\nthen 3"\t3\n', ["line 2", "line 4"]),
    ],
)
def test_every_text_format_gives_the_same_rows(tmp_path: Path, name: str, content: str, places: list[str]) -> None:
    rows = list(read_rows(write(tmp_path, name, content)))
    assert [row.values for row in rows] == ROWS
    assert [row.where for row in rows] == places


ONE = {"question": "0+1?", "answer": 1}
TWO = {"question": "1+1?", "answer": 2}


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ({"data": [ONE, TWO]}, [ONE, TWO]),
        ({"version": "1.1", "data": [ONE, TWO], "licence": "MIT"}, [ONE, TWO]),
        ({"features": [], "rows": [{"row_idx": 0, "row": ONE}, {"row_idx": 1, "row": TWO}]}, [ONE, TWO]),
        ({"anything": [ONE, TWO]}, [ONE, TWO]),
        ({"question": {"0": "0+1?", "1": "1+1?"}, "answer": {"0": 1, "1": 2}}, [ONE, TWO]),
        ({"question": ["0+1?", "1+1?"], "answer": [1, 2]}, [ONE, TWO]),
        ({"columns": ["question", "answer"], "index": [0, 1], "data": [["0+1?", 1], ["1+1?", 2]]}, [ONE, TWO]),
        ({"0": ONE, "1": TWO}, [{"id": "0", **ONE}, {"id": "1", **TWO}]),
        ({"a": ONE, "b": TWO}, [{"id": "a", **ONE}, {"id": "b", **TWO}]),
        (ONE, [ONE]),
        (
            {**ONE, "messages": [{"role": "user", "content": "0+1?"}]},
            [{**ONE, "messages": [{"role": "user", "content": "0+1?"}]}],
        ),
        ({**ONE, "meta": {"tags": ["x"]}}, [{**ONE, "meta": {"tags": ["x"]}}]),
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_an_object_that_holds_its_rows_is_opened(tmp_path: Path, content: Any, rows: list[Any], indent: int | None) -> None:
    path = write(tmp_path, "a.json", json.dumps(content, indent=indent))
    assert [row.values for row in read_rows(path)] == rows


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_another_separator_is_seen_in_the_header_and_told(tmp_path: Path, separator: str) -> None:
    text = f'\ufeffquestion{separator}answer\r\n"1, 2 and{separator} 3?\r\nSay"{separator}6\r\n'
    (row,) = read_rows(write(tmp_path, "a.csv", text))
    assert row.values == {"question": f"1, 2 and{separator} 3?\r\nSay", "answer": "6"}
    assert row.format == f"cells separated by {separator!r}"


def test_zstd_files_and_arrow_files_are_read(tmp_path: Path) -> None:
    table = pa.table({"question": ["2+2?"], "answer": ["4"]})
    pyarrow.feather.write_feather(table, tmp_path / "a.arrow")
    packed = pa.compress(LINES.encode(), codec="zstd", asbytes=True)
    (tmp_path / "a.jsonl.zst").write_bytes(packed)
    assert [row.values for row in read_rows(tmp_path / "a.arrow")] == ROWS[:1]
    assert [row.values for row in read_rows(tmp_path / "a.jsonl.zst")] == ROWS
    (tmp_path / "b.jsonl.zst").write_bytes(packed[:20])
    assert message(tmp_path / "b.jsonl.zst").startswith("FILE is not a whole zstd file:")


def test_a_folder_of_shards_of_one_kind_is_read_and_other_kinds_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    write(folder, "dataset_info.json", "{}")
    write(folder, "train-1.jsonl", json.dumps(ONE))
    write(folder, "test-1.jsonl", json.dumps(TWO))
    assert [(row.where, row.values) for row in read_rows(folder)] == [
        ("test-1.jsonl, line 1", {**TWO, "split": "test"}),
        ("train-1.jsonl, line 1", {**ONE, "split": "train"}),
    ]
    write(folder, "more.csv", CSV)
    assert message(folder) == (
        "FILE is a folder with files of several kinds (1 of .csv, 2 of .jsonl). Next: name one file in it: ls FILE"
    )


def test_parquet_gives_rows_across_batches(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": list(range(4500)), "m": [[{"role": "user", "content": "x"}]] * 4500}), path)
    rows = list(read_rows(path))
    assert rows[4499].where == "row 4500"
    assert rows[4499].values == {"n": 4499, "m": [{"role": "user", "content": "x"}]}


def test_empty_csv_cells_are_missing_values(tmp_path: Path) -> None:
    assert next(iter(read_rows(write(tmp_path, "a.csv", "a,b\n,1\n")))).values == {"a": None, "b": "1"}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.jsonl", "", "FILE has no rows; nothing was stored."),
        ("a.csv", "a,b\n", "FILE has no rows; nothing was stored."),
        (
            "a.jsonl",
            '{"a": 1}\n{"a": 2',
            "FILE, line 2 is cut off (Expecting ',' delimiter at column 8); nothing was stored.",
        ),
        (
            "a.jsonl",
            '{"a": 1}\n{"a" 2}\n',
            "FILE, line 2 is not JSON (Expecting ':' delimiter at column 6); nothing was stored.",
        ),
        ("a.jsonl", '{"a": 1}\n[1]\n', "FILE, line 2 holds a list, not an object with named columns; nothing was stored."),
        ("a.jsonl", "null\n", "FILE, line 1 holds null, not an object with named columns; nothing was stored."),
        (
            "a.jsonl",
            '{"a": "x',
            "FILE, line 1 is cut off (Unterminated string starting at column 7); nothing was stored.",
        ),
        ("a.jsonl", "[" * 200_000, "FILE, line 1 is nested too deeply; nothing was stored."),
        (
            "a.jsonl",
            b'{"a": 1}\n{"a": "\xe9"}\n',
            "FILE, line 2: byte 0xe9 at position 8 is not UTF-8; nothing was stored. "
            "Next: iconv -f CP1252 -t UTF-8 FILE > a-utf8.jsonl",
        ),
        (
            "a.jsonl",
            '{"a": 1}\n'.encode("utf-16"),
            "FILE is UTF-16; save it as UTF-8. Nothing was stored. Next: iconv -f UTF-16 -t UTF-8 FILE > a-utf8.jsonl",
        ),
        ("a.csv", "a,b\n1,2\n3\n", "FILE, line 3 has 1 cells where the header has 2; nothing was stored."),
        ("a.csv", 'a,b\n1,"2\n', "FILE, line 2: unexpected end of data; nothing was stored."),
        ("a.csv", "a,a\n1,2\n", "FILE has two columns called 'a'."),
        ("a.json", '[{"a": 1}, 2]', "FILE, item 2 is not an object with named columns; nothing was stored."),
        (
            "a.txt",
            "x",
            "cannot tell the format of 'a.txt' from its suffix. Valid: .jsonl, .ndjson, .json, .parquet, .arrow, .feather, "
            ".csv, .tsv, .eval, each also with .gz, .zst, .bz2 or .xz.",
        ),
    ],
)
def test_a_broken_file_is_named_with_its_place(tmp_path: Path, name: str, content: str | bytes, expected: str) -> None:
    assert message(write(tmp_path, name, content)) == expected


def test_a_gzip_file_cut_short_is_named_with_the_line_it_reached(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl.gz", "".join(f'{{"a": {n}, "b": "{n * 7919 % 1000}"}}\n' for n in range(50_000)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "is not a whole gzip file: Compressed file ended before the end-of-stream marker" in message(path)


def test_a_file_that_is_no_parquet_and_a_missing_one_are_named(tmp_path: Path) -> None:
    assert message(write(tmp_path, "a.parquet", "PAR1 but not really")).startswith("FILE is not a readable Parquet file:")
    assert message(tmp_path / "none.jsonl").startswith("FILE does not exist. Next: ls ")
    (tmp_path / "folder.csv").mkdir()
    assert (
        message(tmp_path / "folder.csv")
        == "FILE is a folder without files of rows. Valid: .jsonl, .ndjson, .json, .parquet, .arrow, .feather, .csv, .tsv, "
        ".eval. "
        "Next: name one file in it: ls FILE"
    )


def test_a_truncated_parquet_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": list(range(1000))}), path)
    path.write_bytes(path.read_bytes()[:-20])
    assert message(path).startswith("FILE is not a readable Parquet file:")


def test_a_json_file_in_a_damaged_gzip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.json.gz"
    path.write_bytes(gzip.compress(b'[{"prompt": "1+1?", "answer": "2"}]' * 100)[:-20])
    with pytest.raises(SetupError, match=r"rows.json.gz is not a whole gzip file"):
        list(read_rows(path))


def test_a_log_whose_samples_are_no_list_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text('{"version": 1, "samples": 5}')
    with pytest.raises(SetupError, match="its samples are not a list"):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train/data-00000-of-00001.arrow", "train"),
        ("test_sft/data.arrow", "test"),
        ("data/validation-00000-of-00002.parquet", "validation"),
        ("gsm8k-test.parquet", "test"),
        ("data/holdout-00000-of-00001.parquet", "holdout"),
        ("data/aime24-00000-of-00001.parquet", "aime24"),
        ("heldout_math.jsonl.zst", "holdout"),
        ("part-00000-of-00004.jsonl", None),
        ("main/dev.parquet", "validation"),
        ("data/contest.parquet", None),
        ("part-0.parquet", None),
    ],
)
def test_a_file_in_a_folder_says_its_split(name: str, split: str | None) -> None:
    assert split_of(Path(name)) == split


def test_the_splits_of_a_dataset_dict_are_kept(tmp_path: Path) -> None:
    for split, question in (("train", "2+2?"), ("test", "3+3?"), ("held", "4+4?")):
        (tmp_path / "sets" / split).mkdir(parents=True)
        pq.write_table(pa.table({"question": [question]}), tmp_path / "sets" / split / "data.parquet")
    (tmp_path / "sets" / "dataset_dict.json").write_text('{"splits": ["train", "test", "held"]}')
    rows = {row.values["question"]: row.values["split"] for row in read_rows(tmp_path / "sets")}
    assert rows == {"2+2?": "train", "3+3?": "test", "4+4?": "held"}


def folded(path: Path, value: str, rows: int) -> Path:
    """A Parquet file with one text in every row, which it holds once."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([value]))
    nested = pa.StructArray.from_arrays([texts], names=["inside"])
    pq.write_table(pa.table({"question": texts, "doc": nested, "answer": ["1"] * rows}), path, compression="zstd")
    return path


def test_what_a_parquet_file_unfolds_to_is_bounded(tmp_path: Path) -> None:
    path = folded(tmp_path / "a.parquet", "x" * (8 << 20), 400)
    assert path.stat().st_size < 10_000
    with pytest.raises(SetupError, match=r"a.parquet unfolds to more than 268,435,456 bytes; nothing was stored") as caught:
        list(read_rows(path))
    assert caught.value.next_command == "--max-bytes 1073741824, if it is meant to be so large"
    rows = iter(read_rows(path, max_bytes=1 << 40))
    assert next(rows).values == {"question": "x" * (8 << 20), "doc": {"inside": "x" * (8 << 20)}, "answer": "1"}


def test_a_row_of_a_parquet_file_is_bounded(tmp_path: Path) -> None:
    path = folded(tmp_path / "a.parquet", "x" * (33 << 20), 2)
    with pytest.raises(SetupError, match="row 1 is longer than 64 MiB"):
        list(read_rows(path))


def column(values: pa.Array, path: Path) -> Path:
    table = pa.table({"question": ["q"] * len(values), "answer": ["1"] * len(values), "more": values})
    pq.write_table(table, path, compression="zstd")
    assert path.stat().st_size < 20_000
    return path


@pytest.mark.integration
def test_maps_fixed_widths_and_lists_of_nothing_are_bounded_too(tmp_path: Path) -> None:
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 400, pa.int32()), pa.array(["x" * (1 << 20)]))
    pairs = pa.MapArray.from_arrays(list(range(401)), pa.array(["k"] * 400), text)
    fixed = text.dictionary.cast(pa.binary()).cast(pa.binary(1 << 20)).take(pa.array([0] * 400))
    zeros = pa.ListArray.from_arrays([80_000 * place for place in range(801)], pa.array(np.zeros(64_000_000, np.int64)))
    for name, values in (("map", pairs), ("fixed", fixed), ("zeros", zeros)):
        with pytest.raises(SetupError, match="unfolds to more than 268,435,456 bytes"):
            list(read_rows(column(values, tmp_path / f"{name}.parquet")))
    path = column(pa.ListArray.from_arrays([0, 10_000_000], pa.nulls(10_000_000, pa.bool_())), tmp_path / "nulls.parquet")
    with pytest.raises(SetupError, match="row 1 is longer than 64 MiB"):
        list(read_rows(path))


def test_the_rows_of_a_map_count_each_for_themselves(tmp_path: Path) -> None:
    texts = pa.array([letter * (2 << 20) for letter in "abcdefgh"] * 8).dictionary_encode()
    path = column(pa.MapArray.from_arrays(list(range(65)), pa.array(["k"] * 64), texts), tmp_path / "a.parquet")
    assert [row.values["more"][0][1][:2] for row in read_rows(path)] == [letter * 2 for letter in "abcdefgh"] * 8


def test_folded_texts_are_read_as_they_are(tmp_path: Path) -> None:
    value = "a text that stands in every row " * 2000
    path = folded(tmp_path / "a.parquet", value, 130)
    assert [(row.where, row.values["question"] == value) for row in read_rows(path)] == [
        (f"row {place}", True) for place in range(1, 131)
    ]


@pytest.mark.integration
def test_blank_lines_are_bounded(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl.gz", LINES + "\n" * (1 << 21))
    with pytest.raises(SetupError, match="has more than 1,048,576 blank lines up to line 1048580"):
        list(read_rows(path))


def test_a_cell_over_many_lines_is_one_row(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", 'a,b\n1,"' + ("x" * 1023 + "\n") * (64 << 10) + '"\n')
    with pytest.raises(SetupError, match=r"line 65537 is longer than 64 MiB"):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("text", "fault"),
    [("[{}, ]", "Expecting value"), ("[{} {}]", "Expecting ',' delimiter"), ("[{}] 1", "Extra data"), ("[{}", "Expecting")],
)
def test_an_array_is_read_item_by_item_and_to_its_end(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(SetupError, match=f"is not whole JSON .*{fault}"):
        list(read_rows(write(tmp_path, "a.json", text)))
    whole = list(read_rows(write(tmp_path, "b.json", ' [ {"a": 1} , {"a": [2, {"b": "]"}]}\n] \n')))
    assert [row.values for row in whole] == [{"a": 1}, {"a": [2, {"b": "]"}]}]

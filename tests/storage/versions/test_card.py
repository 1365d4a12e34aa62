"""The card: every number from the manifest, the same text each time, and front matter that a hub can read."""

from collections.abc import Callable

import yaml

from storage.versions.card import card, flatten
from storage.versions.manifest import full_manifest, twelve_digits
from storage.versions.snapshot import Snapshot
from tests.storage.versions.conftest import build, counted

Build = Callable[..., Snapshot]


def test_the_card_says_what_the_version_is(snapshot: Build) -> None:
    text = card(full_manifest(snapshot(), parent=None))
    assert "# toy @ ab183de1" in text
    assert "2 problems, 6 rollouts (3 correct, 1 incorrect, 1 undecided, 1 unparsed); 2 kept, 4 dropped." in text
    assert "| 3 | 1 | 1 | 0 | 1 | 1 | 1 |" in text
    assert "| over_quota | 1 |" in text
    assert "| pass_rate.1 | 0.666666666667 |" in text
    assert "| parent | `none` |" in text
    assert text == card(full_manifest(snapshot(run="later"), parent=None))


def test_the_front_matter_is_yaml(snapshot: Build) -> None:
    _, front, _ = card(full_manifest(snapshot(), parent=None)).split("---\n", 2)
    assert yaml.safe_load(front) == {
        "license": "cc0-1.0",
        "pretty_name": "toy",
        "size_categories": ["n<1K"],
        "tags": ["rollouts", "verified"],
    }


def test_a_cell_cannot_break_the_table(snapshot: Build) -> None:
    manifest = full_manifest(snapshot(), parent=None)
    manifest["fingerprint"] = {"cpu": "a|b\nc"}
    assert "| fingerprint cpu | a\\|b c |" in card(manifest)


def test_a_bare_snapshot_has_a_card_too(snapshot: Build) -> None:
    toy = snapshot()
    text = card(full_manifest(counted(Snapshot("bare", toy.problems, toy.completions)), parent=None))
    assert "6 rollouts (none judged); 0 kept, 0 dropped." in text


def test_flatten_makes_dotted_keys() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": [1, 2]}}, "e": None}) == {"a.b": 1, "a.c.d": [1, 2], "e": None}


def test_numbers_have_twelve_digits_and_undefined_stays_undefined() -> None:
    assert twelve_digits({"a": 0.1 + 0.2, "b": (1, 2 / 3), "c": float("nan"), "d": True}) == {
        "a": 0.3,
        "b": [1, 0.666666666667],
        "c": None,
        "d": True,
    }


def test_names_of_a_users_data_are_inert_in_the_card() -> None:
    hostile = "![pixel](http://127.0.0.1:9/pixel.png) <img src=x> a|b\nc"
    manifest = full_manifest(build(), None)
    manifest["counts"] |= {"models": {hostile: 2}, "licences": {hostile: 1, "b": 1}, "sources": {hostile: 2}}
    text = card(manifest)
    assert text.count("![pixel]\\(http://127.0.0.1:9/pixel.png) &lt;img src=x> a\\|b c") == 3
    assert "](http" not in text

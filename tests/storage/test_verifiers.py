"""The rules of verifier versions: written once, read back in order, nothing for what was never seen."""

from pathlib import Path

from storage.workspace import Workspace


def test_the_rules_of_a_version_stay_as_first_seen(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws:
        ws.verifiers.record({("math", "2"): [("hash", "1"), ("exact", "3")], ("judge", "1"): ()})
        ws.verifiers.record({("math", "2"): [("other", "1")], ("math", "3"): [("hash", "2")]})
        assert ws.verifiers.rules("math", "2") == (("hash", "1"), ("exact", "3"))
        assert ws.verifiers.rules("math", "3") == (("hash", "2"),)
        assert ws.verifiers.rules("judge", "1") == ()
        assert ws.verifiers.rules("math", "1") == ()

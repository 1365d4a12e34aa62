"""The pages' process: what is prepared for it in the workspace."""

from pathlib import Path

from rollmill.flows.prefect.pages import explain_rules
from rollmill.pipelines.verify import VERIFIERS
from rollmill.storage.workspace import Workspace


def test_rules_that_earlier_releases_recorded_get_their_words(tmp_path: Path) -> None:
    used = {(name, "1"): [("text", "1"), ("gone", "1")] for name in ("exact", "judge", "all_of", "mine.py:Own")}
    with Workspace.init(tmp_path) as workspace:
        workspace.verifiers.record(used)
    explain_rules(tmp_path)
    with Workspace.open(tmp_path) as workspace:
        assert workspace.verifiers.words("exact", "1") == {"text": "the text gives no answer"}
        assert workspace.verifiers.words("judge", "1") == {"text": "no text that can be judged"}
        assert workspace.verifiers.words("mine.py:Own", "1") == {}
        assert workspace.verifiers.rules("exact", "1") == (("text", "1"), ("gone", "1"))
        assert workspace.verifiers.unexplained() == ["mine.py:Own"]


def test_every_verifier_of_ours_says_its_words_before_it_is_built() -> None:
    assert [name for name in VERIFIERS if not hasattr(VERIFIERS[name], "words")] == []

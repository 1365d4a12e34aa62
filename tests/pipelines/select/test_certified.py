"""Selector `certified`: what another selector keeps, less what its certificate does not cover."""

import json
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.select.certified import Certified
from rollmill.roles.protocols import CertifiedSelector
from tests.pipelines.select.rollouts import rollouts


def test_it_keeps_the_covered_rows_of_the_selector_inside(tmp_path: Path) -> None:
    pool = rollouts(("correct", "4"), ("correct", "so 4"), ("correct", "it is 4"), ("incorrect", "5"))
    ids = [(member.completion.id, member.problem.id) for member in pool]
    content = {"covered": [ids[0], ids[3]], "judged_wrong": [ids[1]], "certificate": {"claim": "few are wrong."}}
    (tmp_path / "c.json").write_text(json.dumps(content))
    selector = Certified([{"method": "all_correct"}], "c.json", str(tmp_path))
    made = list(selector.select("r", pool))
    assert [decision.reason for decision in made] == ["kept", "judged_wrong", "not_certified", "incorrect"]
    assert {(decision.selector, decision.version) for decision in made} == {("certified", selector.version)}
    assert isinstance(selector, CertifiedSelector)
    assert selector.certificate == {"claim": "few are wrong."}
    (tmp_path / "c.json").write_text(json.dumps({**content, "judged_wrong": []}))
    assert Certified(file="c.json", recipe_folder=str(tmp_path)).version != selector.version


def test_without_a_certificate_nothing_is_kept() -> None:
    made = list(Certified().select("r", rollouts(("correct", "4"))))
    assert [decision.reason for decision in made] == ["not_certified"]


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be read"):
        Certified(file="none.json", recipe_folder=str(tmp_path))
    (tmp_path / "c.json").write_text("[]")
    with pytest.raises(SetupError, match="is no certificate"):
        Certified(file="c.json", recipe_folder=str(tmp_path))
    with pytest.raises(SetupError, match="certifies one selector, and has 2"):
        Certified([{"method": "all_correct"}, {"method": "quota"}])

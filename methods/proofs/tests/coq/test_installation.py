"""A missing Coq: one sentence with the command that installs it, and a version that says so."""

from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem
from rollmill_proofs.coq.installation import installation, installed_version
from rollmill_proofs.proof import ProofVerifier

SENTENCE = (
    r"^formal proofs need Coq \(the program coqc\), which is not installed. Next: apt-get install .* coq libcoq-stdlib$"
)


def test_without_coq_the_packages_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match=SENTENCE):
        installation()
    assert installed_version() == "none"
    verifier = ProofVerifier()
    assert "+coq=none+" in verifier.version
    with pytest.raises(SetupError, match=SENTENCE):
        verifier.ready()
    said = Completion("c", "p", "e", "m", "", "curate", 0, None, "reflexivity.", "stop")
    with pytest.raises(SetupError, match=SENTENCE):
        verifier.verify(Problem("?", "", "proof", ('{"statement": "1 = 1"}',)), said)


def test_a_coq_that_does_not_start_or_lacks_its_library_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("coqc", "coqtop", "coqchk"):
        (broken / name).write_text("#!/bin/sh\necho 'no such library' >&2\nexit 1\n")
        (broken / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(broken))
    with pytest.raises(SetupError, match=r"coqc does not start: no such library"):
        installation()
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("coqc", "coqtop", "coqchk"):
        (bare / name).write_text(
            f"#!/bin/sh\nif [ $1 = -config ]; then echo COQLIB={tmp_path}/; else echo 8.16.1 4.13.1; fi\n"
        )
        (bare / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(bare))
    with pytest.raises(SetupError, match=r"need Coq's standard library, which .* does not contain.*Next: apt-get"):
        installation()

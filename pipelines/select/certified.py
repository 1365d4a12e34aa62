"""Selector `certified`: of the rollouts that another selector keeps, those that a certificate covers.

`rollmill select RUN --fdr .1 --publish` writes the certificate beside the recipe. A rollout that people judged wrong is
`judged_wrong`; one that the certificate does not cover is `not_certified`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import sha256_text
from rollmill.ground.records import Decision, Rollout
from rollmill.pipelines.select.of_steps import behind_steps
from rollmill.roles.protocols import ScoreSelector, Selector

COVERED, JUDGED_WRONG, CERTIFICATE = "covered", "judged_wrong", "certificate"
"""Keys of the file: pairs of completion id and problem id, twice, and the certificate for the manifest."""

ALL_CORRECT: Mapping[str, Any] = {"method": "all_correct"}


class Certified:
    """Selector that keeps the rows in a certificate. The content of the certificate's file is part of its version."""

    name = "certified"
    nested: ClassVar[Mapping[str, str]] = {"selector": "selector"}

    def __init__(
        self,
        selector: Sequence[Selector | Mapping[str, Any]] = (ALL_CORRECT,),
        file: str = "",
        recipe_folder: str | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            selector: The selector whose kept rollouts are certified.
            file: The certificate, relative to the recipe; without one nothing is kept.
        """
        if len(selector) != 1:
            raise SetupError(f"selector {self.name!r} certifies one selector, and has {len(selector)}.")
        self.selector = _built(selector[0])
        content = _read(Path(recipe_folder or ".") / file) if file else {}
        self.certificate: Mapping[str, object] = content.get(CERTIFICATE, {})
        # Problems with one prompt share completions, so the completion's id alone is not enough.
        self._covered = {(completion, problem) for completion, problem in content.get(COVERED, ())}
        self._wrong = {(completion, problem) for completion, problem in content.get(JUDGED_WRONG, ())}
        digest = sha256_text(json.dumps(content, sort_keys=True))[:12] if content else ""
        self.version = f"1 certificate={digest}" if digest else "1"

    @property
    def scores(self) -> Sequence[str]:
        """Names of the scores that the inner selector needs."""
        inner = behind_steps(self.selector)
        return inner.scores if isinstance(inner, ScoreSelector) else ()

    def select(self, run: str, rollouts: Sequence[Rollout]) -> Iterator[Decision]:
        """Yield a decision for each rollout of one problem, in input order."""
        for decision in self.selector.select(run, rollouts):
            pair = decision.completion_id, decision.problem_id
            reason = decision.reason
            if decision.kept and pair not in self._covered:
                reason = "judged_wrong" if pair in self._wrong else "not_certified"
            # Every selector gives the reason `kept` to kept rollouts and to no others.
            yield replace(decision, selector=self.name, version=self.version, kept=reason == "kept", reason=reason)


def _built(given: Selector | Mapping[str, Any]) -> Selector:
    """The selector, built by its name where it is `{method, options}`."""
    # The registry imports this module.
    from rollmill.pipelines.select import SELECTORS

    if not isinstance(given, Mapping):
        return given
    return SELECTORS[given["method"]](**given.get("options", {}))


def _read(path: Path) -> dict[str, Any]:
    again = "rollmill select RUN --fdr .1 --publish writes one; dataset verify --base FOLDER says where it lies"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    # ValueError covers bad JSON and bytes that are no UTF-8.
    except (OSError, ValueError) as error:
        raise SetupError(f"selector 'certified': {path} cannot be read: {error}.", next_command=again) from None
    if not isinstance(content, dict) or not {COVERED, JUDGED_WRONG, CERTIFICATE} <= content.keys():
        raise SetupError(f"selector 'certified': {path} is no certificate.", next_command=again)
    return content

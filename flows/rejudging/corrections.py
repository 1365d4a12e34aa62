"""Errata applied to stored rollouts: faulty problems left out, and answers judged again by a corrected reference.

Nothing is stored, so results as they were judged stay beside the corrected ones. The verifiers are those that judged the
run or version, in the same versions.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rollmill.flows.job import Job
from rollmill.flows.recipe.user_files import StoredMethods, stored_methods
from rollmill.ground.errors import SetupError
from rollmill.ground.pool import STATES, Pool
from rollmill.pipelines.verify.acceptance import Policy, accepted_verdict, policy_part
from rollmill.pipelines.verify.judging import judge
from rollmill.roles.protocols import ReadsVotes, Verifier
from rollmill.storage.queries import Reader, Scope, version_manifest
from rollmill.storage.queries.browse.problems import problem_detail
from rollmill.storage.queries.judge.errata import Errata, Erratum
from rollmill.storage.queries.pools import ScopePool
from rollmill.storage.rollouts import Key


@dataclass(frozen=True, slots=True)
class _Chain:
    """The verifiers that judged a run or version, built again, and its acceptance policy."""

    verifiers: Sequence[Verifier]
    policy: Policy


class Corrections:
    """The errata of a workspace, applied to pools. `applied`: those that concerned one of the pools, by problem."""

    def __init__(self, errata: Mapping[str, Erratum]) -> None:
        self._errata = errata
        self._chains: dict[str, _Chain] = {}
        self._folders = ExitStack()
        self.applied: dict[str, Erratum] = {}

    def pool(self, source: ScopePool) -> Pool:
        """The pool without the problems that have no right reference, and with new outcomes of the others."""
        pool = source.pool
        faulty = {place: self._errata[key] for place, key in enumerate(pool.problems) if key in self._errata}
        if not faulty:
            return pool
        self.applied |= {entry.problem: entry for entry in faulty.values()}
        # A pool is a value that others may hold: its arrays are not changed in place.
        outcome = pool.outcome.copy()
        for place, entry in faulty.items():
            if entry.reference is not None:
                judged = self._judged(source.scope, entry.problem, entry.reference)
                for row in np.flatnonzero(pool.problem == place).tolist():
                    # A completion without a new verdict keeps the outcome that it had.
                    outcome[row] = STATES.index(judged.get(source.completions[row], STATES[pool.outcome[row]]))
        left_out = [place for place, entry in faulty.items() if entry.reference is None]
        return replace(pool, outcome=outcome).where(~np.isin(pool.problem, left_out))

    def row(self) -> dict[str, Any]:
        """The applied errata as JSON values."""
        entries = sorted(self.applied.values(), key=lambda entry: (entry.at, entry.id))
        left_out = sum(entry.reference is None for entry in entries)
        return {
            "left_out": left_out,
            "judged_again": len(entries) - left_out,
            "entries": [entry.row() for entry in entries],
        }

    def close(self) -> None:
        """Release the verifiers and their files."""
        for chain in self._chains.values():
            for verifier in chain.verifiers:
                verifier.close()
        self._folders.close()

    def _judged(self, scope: Scope, problem: str, reference: str) -> dict[str, str]:
        """Outcome of each completion of a problem by another reference, by completion id."""
        chain = self._chain(scope)
        detail = problem_detail(scope, problem)
        corrected = replace(detail.problem, reference=reference)
        items = [(corrected, rollout.completion) for rollout in detail.rollouts if rollout.completion is not None]
        verdicts: dict[str, dict[Key, Any]] = {completion.id: {} for _, completion in items}
        for verdict in judge(chain.verifiers, items, {}, (chain.policy,)):
            verdicts[verdict.completion_id][verdict.verifier, verdict.version] = verdict
        keys = [(verifier.name, verifier.version) for verifier in chain.verifiers]
        accepted = {key: accepted_verdict(chain.policy, keys, given) for key, given in verdicts.items()}
        return {key: verdict.outcome for key, verdict in accepted.items() if verdict is not None}

    def _chain(self, scope: Scope) -> _Chain:
        # Building verifiers may start processes, so all problems of a run share one chain.
        if scope.name not in self._chains:
            methods, recorded = self._methods(scope)
            policy: Policy = methods.resolve("policy", policy_part(methods.recipe)).build()
            parts = zip(methods.recipe["verify"], recorded, strict=True)
            verifiers = [_built(methods, part, key) for part, key in parts]
            self._chains[scope.name] = _Chain(verifiers, policy)
        return self._chains[scope.name]

    def _methods(self, scope: Scope) -> tuple[StoredMethods, list[Key]]:
        """The methods of a run or version, and its verifiers with their versions. Its files stay until `close`."""
        if scope.run is not None:
            run = scope.run
            base = Job.of_run(run.recipe["job"], scope.reader.root).folder
            methods = self._folders.enter_context(stored_methods(scope.name, run.recipe, None, base=base))
            return methods, list(run.verifiers)
        manifest = version_manifest(scope.reader, scope.name)
        if "verify" not in manifest["recipe"]:
            raise SetupError(
                f"{scope.name} is a mixture: its rows were judged by the verifiers of its sources.",
                next_command="name the sources, or record the fault without --reference: it leaves the problem out",
            )
        kept = stored_methods(scope.name, manifest["recipe"], manifest.get("user_files"), base=scope.reader.root)
        verifiers = [(part["name"], part["version"]) for part in manifest["verifiers"]]
        return self._folders.enter_context(kept), verifiers


def _built(methods: StoredMethods, part: Mapping[str, Any], recorded: Key) -> Verifier:
    """A verifier of a recipe; SetupError for a verifier that cannot judge one problem again without the others."""
    name = methods.origin
    method = methods.resolve("verifier", part)
    # Votes need all completions of a run, and a model's reply would have to be drawn and paid.
    if method.asks_model or issubclass(method.cls, ReadsVotes):
        raise SetupError(
            f"{name} was judged by {recorded[0]!r}, which asks a model or reads votes: it judges no answer again here.",
            next_command="rollmill errata withdraw ID, and add the fault without --reference: it leaves the problem out",
        )
    verifier: Verifier = method.build()
    # The other problems keep verdicts of the recorded version, and one pool must not mix two.
    if not method.built_as(verifier, recorded[1]):
        raise SetupError(
            f"{name} was judged by {' '.join(recorded)}; installed is {verifier.version}: two versions would mix.",
            next_command=f"rollmill reverify {name}",
        )
    return verifier


@contextmanager
def corrections_of(reader: Reader) -> Iterator[Corrections]:
    """The active errata of a workspace; their verifiers are released when the block ends."""
    corrections = Corrections(Errata(reader.root).active())
    try:
        yield corrections
    finally:
        corrections.close()

"""Verifiers of a run: chains of them for its threads, and the verdict of theirs that counts.

They are built on first use and kept until their pool is closed.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from rollmill.flows.rounds.plan_mark import plan_mark
from rollmill.flows.rounds.spec import RunSpec
from rollmill.ground.errors import contract_error
from rollmill.ground.records import PLAN, Origin, Outcome, Verdict, plan_of
from rollmill.pipelines.verify.acceptance import accepted_verdict, check_names, planned_verdict
from rollmill.pipelines.verify.judging import VerifierPool
from rollmill.roles.protocols import ExplainsRules, ReadsVotes, RuledVerifier, Verifier
from rollmill.steps.cast_votes import CastVotes, DeferredVotes
from rollmill.storage.rollouts import Key


class RunVerifiers:
    """Verifiers of a run and its acceptance policies. `origin`: function that gives the origin of a step's completions.

    `pool`: pool of verifier chains; None: the run has a pool of its own.
    """

    def __init__(self, spec: RunSpec, origin: Callable[[str], Origin], pool: VerifierPool | None = None) -> None:
        self._spec, self._origin = spec, origin
        self.votes = DeferredVotes()
        self.pool = pool or VerifierPool(spec.verifiers, self._bind_votes)

    @cached_property
    def _keys(self) -> tuple[tuple[Key, ...], frozenset[Key]]:
        with self.pool.reserve() as chain:
            keys = tuple((part.name, part.version) for part in chain)
            deferred = frozenset((part.name, part.version) for part in chain if isinstance(part, ReadsVotes))
        # Checked once, with the names of the built verifiers, which a recipe's text does not show.
        for policy in self._spec.policies():
            check_names(policy, [name for name, _ in keys])
        return keys, deferred

    @property
    def chain(self) -> tuple[Key, ...]:
        """(name, version) of the verifiers in order."""
        return self._keys[0]

    @property
    def deferred(self) -> frozenset[Key]:
        """Verifiers that depend on votes and judge once everything is drawn."""
        return self._keys[1]

    @property
    def immediate(self) -> tuple[Key, ...]:
        """The others, which judge during drawing."""
        return tuple(key for key in self.chain if key not in self.deferred)

    @property
    def outcomes_may_change(self) -> bool:
        """True if final outcomes may differ from those used for planning."""
        return bool(self.deferred) or len(self._spec.policies()) > 1

    def planned_by(self, verdicts: Mapping[Key, Verdict], votes: Outcome = "undecided") -> Verdict | None:
        """The verdict on one rollout that the plan uses; None while one is missing. `votes`: what these would say."""
        if not self.deferred:
            return accepted_verdict(self._spec.planning, self.chain, verdicts)
        return planned_verdict(self._spec.planning, self.chain, verdicts, votes)

    def counted(self, verdicts: Mapping[Key, Verdict]) -> Verdict | None:
        """The verdict on one rollout that counts; None while one is missing. Without steps there are no votes."""
        if not self._spec.follows and self.deferred:
            return self.planned_by(verdicts)
        return accepted_verdict(self._spec.accept, self.chain, verdicts)

    def rules(self) -> dict[Key, tuple[tuple[str, str], ...]]:
        """Rules of each verifier in the order it tries them, by (name, version); empty for a verifier that lists none."""
        with self.pool.reserve() as chain:
            return {(part.name, part.version): _rules_of(part) for part in chain}

    def words(self) -> dict[str, dict[str, str]]:
        """Plain words for the rules of each verifier, by its name; empty for a verifier that has none."""
        with self.pool.reserve() as chain:
            return {part.name: dict(part.words) if isinstance(part, ExplainsRules) else {} for part in chain}

    def take_votes(self, cast: CastVotes) -> None:
        """Let verifiers that read votes judge by these."""
        self.votes.cast = cast

    def _bind_votes(self, chain: Sequence[Verifier]) -> None:
        """Give verifiers that read votes the source of the votes and their plan."""
        waiting = [part for part in chain if isinstance(part, ReadsVotes)]
        if waiting:
            # The plan rests on verifiers that judge during drawing; the version of one by votes holds the plan itself.
            at_once = [(part.name, part.version) for part in chain if not isinstance(part, ReadsVotes)]
            mark = plan_mark(self._spec, [self._origin(step.name) for step in self._spec.drawing], at_once)
            for part in waiting:
                part.bind(self.votes, mark)
                # Verdicts are stored by name and version: without the plan in it, those by other votes would be reused.
                if plan_of(part.version) != mark:
                    raise contract_error(
                        f"verifier {part.name!r} reads votes, and no {PLAN}={mark} is in version {part.version!r}"
                    )


def _rules_of(verifier: Verifier) -> tuple[tuple[str, str], ...]:
    rules = verifier.rules if isinstance(verifier, RuledVerifier) else None
    return tuple((str(rule), str(version)) for rule, version in rules or ())

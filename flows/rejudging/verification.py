"""`rollmill dataset verify`: a published version checked against itself, decisions and verdicts of its rollouts made again.

Works from the version's folder alone, without the workspace's segments; writes nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from rollmill.flows.recipe.methods import DIGEST, PACKAGE
from rollmill.flows.recipe.user_files import StoredMethods, stored_methods
from rollmill.flows.rounds.judging.decide import check_decisions
from rollmill.ground.errors import RollmillError
from rollmill.ground.pool import pool_of
from rollmill.ground.recipe_steps import recorded_steps, step_names
from rollmill.ground.records import Decision, Rollout, plan_of
from rollmill.metrics import decision_counts
from rollmill.pipelines.sandbox.method_box import BoxFailed
from rollmill.pipelines.verify.acceptance import PLAIN, Policy, accepted_verdict, policy_part, used_verdicts
from rollmill.roles.protocols import ReadsVotes
from rollmill.steps.cast_votes import CastVotes
from rollmill.steps.follow import Link
from rollmill.steps.recorded import recorded_graph
from rollmill.storage.rollouts import Key, Pair, Stored, graded_of_tables
from rollmill.storage.segments.schema import from_table

if TYPE_CHECKING:
    from rollmill.storage.versions.content.snapshot import Snapshot
    from rollmill.storage.versions.resolve import VersionInfo


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Verdicts or decisions that only another version of their `method` could make again; no difference."""

    kind: str
    count: int
    method: str
    why: str


@dataclass(frozen=True, slots=True)
class Verification:
    """Counts of checked items, all differences by kind (`passed` if there is none), and what could not be checked.

    `left_out`: rollouts that were not requested.
    """

    version: str
    checked: dict[str, int]
    differences: dict[str, list[str]] = field(default_factory=dict)
    unchecked: list[Unchecked] = field(default_factory=list)
    left_out: int = 0

    @property
    def passed(self) -> bool:
        """True if there is no difference."""
        return not any(self.differences.values())

    def result(self, kind: str) -> str:
        """Result for one kind of differences, in words."""
        if differences := self.differences[kind]:
            return f"{len(differences):,} differ"
        return "all the same" if self.checked[{"verdicts": "rejudged"}.get(kind, kind)] else "none checked"

    def json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {**asdict(self), "passed": self.passed}


def verify_version(info: "VersionInfo", *, base: Path, every: bool = False) -> Verification:
    """Check one version; `base` is the folder that the recipe's own files are relative to.

    `every`: judge every rollout of the version again by each of its verifiers, not only the kept ones.
    """
    from rollmill.storage.versions.manifest import changed_files
    from rollmill.storage.versions.read import is_here, load_snapshot

    # Before anything of it is read: neither rows nor code of another than the published version are used.
    if is_here(info) and (altered := list(changed_files(info))):
        return _unread(info, altered)
    published = load_snapshot(info)
    if "mixture" in published.manifest:
        return _mixture_verified(info, published, base=base, every=every)
    manifest = published.manifest
    with stored_methods(info.ref, manifest["recipe"], manifest.get("user_files"), base=base) as methods:
        methods.check_asked()
        return _verified(info, published, published, methods, every=every)


def _unread(info: "VersionInfo", altered: list[str]) -> Verification:
    """Verification of a version whose files are not the published ones: it ends with their names."""
    why = "no row of an altered version is read"
    unchecked = [
        Unchecked("decisions", info.rows, "any selector", why),
        Unchecked("verdicts", info.rows, "any verifier", why),
    ]
    differences = {"hashes": altered, "decisions": [], "verdicts": []}
    return Verification(info.ref, {"problems": 0, "decisions": 0, "rejudged": 0, "hashes": 0}, differences, unchecked)


def _mixture_verified(info: "VersionInfo", published: "Snapshot", *, base: Path, every: bool) -> Verification:
    """Verification of a mixture: verdicts by each source's verifiers; decisions are counted against the manifest."""
    mixture = published.manifest["mixture"]
    differences: dict[str, list[str]] = {"hashes": list(_hashes(info, published)), "decisions": [], "verdicts": []}
    unchecked: list[Unchecked] = []
    rejudged = left_out = 0
    for counts in mixture["sources"]:
        name = counts["source"]
        mine = pc.equal(published.decisions["selector"], f"mix:{name}")
        if (kept := pc.sum(published.decisions["kept"].filter(mine)).as_py() or 0) != counts["kept"]:
            differences["decisions"].append(
                f"source {name}: the manifest counts {counts['kept']:,} kept, the rows {kept:,}"
            )
        made = mixture["made_by"][name]
        part = replace(published, manifest={**published.manifest, **made}, decisions=published.decisions.filter(mine))
        with stored_methods(info.ref, made["recipe"], made.get("user_files"), base=base) as methods:
            verified = _verified(info, published, part, methods, every=every, derive=False)
        differences["verdicts"] += [f"source {name}: {difference}" for difference in verified.differences["verdicts"]]
        rejudged += verified.checked["rejudged"]
        left_out += verified.left_out
        unchecked += [part for part in verified.unchecked if part.kind == "verdicts"]
    decided = published.decisions.num_rows
    why = "they follow from its stored signals: rollmill mix RECIPE makes them again"
    unchecked.append(Unchecked("decisions", decided, _method(published.manifest["selector"]), why))
    checked = {"problems": published.problems.num_rows, "decisions": 0, "rejudged": rejudged, "hashes": 3}
    return Verification(info.ref, checked, differences, unchecked, left_out)


def _verified(
    info: "VersionInfo",
    published: "Snapshot",
    snapshot: "Snapshot",
    methods: StoredMethods,
    *,
    every: bool,
    derive: bool = True,
) -> Verification:
    """Verification of a version; `snapshot` is the published one, or the part of one source, with the recipe of `methods`.

    `derive`: check the hashes, and the decisions against the recipe's selector.
    """
    unchecked: list[Unchecked] = []
    policy = _policy(snapshot, methods, unchecked)
    steps = step_names(snapshot.manifest["recipe"])
    graded = graded_of_tables(dict(snapshot.tables()), steps)
    verdicts = {row.pair: row.verdicts for members in graded.values() for row in members}
    chain = [(part["name"], part["version"]) for part in snapshot.manifest["verifiers"]]
    rollouts = {
        key: [
            row.rollout(verdict)
            for row in members
            if (verdict := accepted_verdict(policy, chain, row.verdicts)) is not None
        ]
        for key, members in graded.items()
    }
    stored = {(d.completion_id, d.problem_id): d for d in from_table("decisions", snapshot.decisions)}
    decided = [r for members in rollouts.values() for r in members if (d := stored.get(_pair(r))) and (d.kept or every)]
    # A lazy policy takes the last verdict: those before it are undecided and decide nothing.
    last = policy.lazy and not every
    used = _verdicts_used(chain, policy, decided, verdicts, last=last)
    differences = {
        "hashes": list(_hashes(info, published)) if derive else [],
        "decisions": [] if unchecked or not derive else list(_decisions(snapshot, rollouts, stored, methods, unchecked)),
        "verdicts": list(_verdicts(snapshot, used, methods, unchecked)),
    }
    unjudged = {part.method for part in unchecked if part.kind == "verdicts"}
    judged = {_pair(row) for key, rows in used.items() if " ".join(key) not in unjudged for row in rows}
    derived = 0 if any(part.kind == "decisions" for part in unchecked) else len(stored)
    checked = {"problems": len(rollouts), "decisions": derived, "rejudged": len(judged), "hashes": 3}
    return Verification(info.ref, checked, differences, unchecked, len(stored) - len(decided))


def _hashes(info: "VersionInfo", snapshot: "Snapshot") -> Iterator[str]:
    from rollmill.storage.versions.content.hashing import content_hash, kept_hash, scores_hash
    from rollmill.storage.versions.manifest import disagreements

    recorded = snapshot.manifest["hashes"]
    for name, compute in (("content", content_hash), ("kept", kept_hash), ("scores", scores_hash)):
        recomputed = compute(snapshot)
        if recomputed != recorded[name]:
            yield f"{name}_hash is {recomputed[:16]}, the manifest says {recorded[name][:16]}"
    pool = pool_of(snapshot.problems, snapshot.completions, snapshot.decisions)
    yield from disagreements(info, snapshot, decision_counts(pool))


def _policy(snapshot: "Snapshot", methods: StoredMethods, unchecked: list[Unchecked]) -> Policy:
    """The policy that accepted the outcomes; the plain one where that one is gone, and then no decision is checked."""
    part = policy_part(snapshot.manifest["recipe"])
    # Versions without the key were accepted by the plain chain.
    recorded = snapshot.manifest.get("policy", {"name": PLAIN.name, "version": PLAIN.version})
    policy, why = _rebuilt(methods, "policy", part, recorded["version"])
    if why:
        unchecked.append(Unchecked("decisions", snapshot.decisions.num_rows, _method(recorded), why))
        return PLAIN
    accepted: Policy = policy
    return accepted


def _decisions(
    snapshot: "Snapshot",
    rollouts: Mapping[str, Sequence[Rollout]],
    stored: Mapping[Pair, Decision],
    methods: StoredMethods,
    unchecked: list[Unchecked],
) -> Iterator[str]:
    """The recorded selector run again on the stored rollouts must decide the same, for the same reason."""
    recorded = snapshot.manifest["selector"]
    selector, why = _rebuilt(methods, "selector", snapshot.manifest["recipe"]["select"], recorded["version"])
    if why:
        unchecked.append(Unchecked("decisions", len(stored), _method(recorded), why))
        return
    derived_pairs: set[Pair] = set()
    for members in rollouts.values():
        # The run id may be empty here: it is no part of what is compared.
        decisions = list(selector.select("", members) or ())
        check_decisions(selector, decisions)
        for derived in decisions:
            pair = (derived.completion_id, derived.problem_id)
            derived_pairs.add(pair)
            before = stored.get(pair)
            if before is None or _decision_content(before) != _decision_content(derived):
                yield f"completion {pair[0][:12]}: {_words(before)} is recorded, {_words(derived)} follows from its verdict"
    # A rollout whose verdict was removed gets no derived decision, so this direction is checked too.
    for pair in sorted(stored.keys() - derived_pairs):
        yield f"completion {pair[0][:12]}: a decision is recorded, but no verdict that it could follow from"


def _verdicts_used(
    chain: Sequence[Key], policy: Policy, decided: Sequence[Rollout], stored: Stored, *, last: bool
) -> dict[Key, list[Rollout]]:
    """The rollouts with each requested verdict, by verifier; `last`: with the deciding verdict only."""
    by_verifier: dict[Key, list[Rollout]] = {}
    for rollout in decided:
        verdicts = used_verdicts(policy, chain, stored[_pair(rollout)]) or []
        for verdict in verdicts[-1:] if last else verdicts:
            by_verifier.setdefault((verdict.verifier, verdict.version), []).append(replace(rollout, verdict=verdict))
    return by_verifier


def _verdicts(
    snapshot: "Snapshot", judged: Mapping[Key, Sequence[Rollout]], methods: StoredMethods, unchecked: list[Unchecked]
) -> Iterator[str]:
    """Differences on these rollouts, judged again by the recorded versions of their verifiers."""
    chain = snapshot.manifest["recipe"]["verify"]
    for part, recorded in zip(chain, snapshot.manifest["verifiers"], strict=True):
        mine = judged.get((recorded["name"], recorded["version"]))
        if not mine:
            continue
        verifier, why = _rebuilt(methods, "verifier", part, recorded["version"], lambda: _votes(snapshot))
        if why:
            unchecked.append(Unchecked("verdicts", len(mine), _method(recorded), why))
            continue
        try:
            again = list(verifier.verify_many([(r.problem, r.completion) for r in mine]))
        except BoxFailed as error:
            unchecked.append(Unchecked("verdicts", len(mine), _method(recorded), str(error)))
            continue
        finally:
            verifier.close()
        for rollout, verdict in zip(mine, again, strict=True):
            # Evidence and seconds may differ from machine to machine; what was concluded, and by which rule, may not.
            if (verdict.outcome, verdict.rule) != (rollout.verdict.outcome, rollout.verdict.rule):
                before, now = (f"{v.outcome} by {v.rule}" for v in (rollout.verdict, verdict))
                yield f"completion {rollout.completion.id[:12]}: {before} is recorded, {now} found"


def _votes(snapshot: "Snapshot") -> CastVotes:
    """The votes that the version holds."""
    graph = recorded_graph(recorded_steps(snapshot.manifest["recipe"]))
    answers = [row for row in from_table("decisions", snapshot.decisions) if row.step in graph.nodes]
    followed = list(from_table("threads", snapshot.threads))
    links = {(row.completion_id, row.problem_id): Link(row.completion_id, row.step) for row in answers}
    for row in followed:
        links[row.completion_id, row.problem_id] = Link(row.completion_id, row.step, tuple(row.after.split()))
    texts = {row.id: row for row in from_table("completions", snapshot.completions)}
    return CastVotes(graph, links, lambda ids: {cid: texts[cid] for cid in ids})


def _rebuilt(
    methods: StoredMethods,
    role: str,
    part: Mapping[str, Any],
    version: str,
    votes: Callable[[], CastVotes] | None = None,
) -> tuple[Any, str]:
    """The method that a recorded recipe names, None if it is not to be had here; and why it is not the recorded one, ""
    where it is. `votes`: the votes for verifiers that read them.
    """
    package = part.get(PACKAGE)
    try:
        method = methods.resolve(role, part)
    except RollmillError as error:
        return None, str(error) if package is None else f"it is of the package {package}. {error}"
    if package not in (None, method.package):
        return None, f"it is of the package {package}, and {method.package or 'none of that name'} is installed"
    if package is not None and method.source_sha256 != part.get(DIGEST):
        return None, f"the package {package} has changed since"
    if method.source_sha256 != part.get(DIGEST):
        return None, f"the file {part['method']} has changed since, and the version does not keep it"
    try:
        built = method.build()
    except BoxFailed as error:
        return None, str(error)
    if votes is not None and isinstance(built, ReadsVotes):
        built.bind(votes(), plan_of(version))
    return built, "" if method.built_as(built, version) else f"installed is {built.version}"


def _method(recorded: Mapping[str, Any]) -> str:
    return f"{recorded['name']} {recorded['version']}"


def _pair(rollout: Rollout) -> Pair:
    return rollout.completion.id, rollout.problem.id


def _decision_content(decision: Decision) -> tuple[bool, str, str, str, str]:
    return decision.kept, decision.reason, decision.outcome, decision.verifier, decision.verifier_version


def _words(decision: Decision | None) -> str:
    return "nothing" if decision is None else f"{decision.reason} ({decision.outcome})"

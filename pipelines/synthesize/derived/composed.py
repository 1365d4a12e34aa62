"""The synthesizer `composed`: chains of two or more problems of a version or run, each answer a number of the next.

A chain meets the conditions of MuSiQue (Trivedi et al. 2022): each hop can be solved alone, the last one only after those
before it, and splits share no hop. Hops are joined within a split, and a hop's new numbers are on that split's side. The
reference is computed by the templates' programs. Compositional GSM (Hosseini et al. 2024) gives the parts to compare with.
Two further texts separate a lost hop from other losses: `told` is the last hop with its letter ("X is 7. ..."), and the
control puts the chain's other problems before that, which need not be solved. `twins` are the chain and one that cannot be
answered.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize.derived.chains import composed_with_parts, letter_of
from rollmill.pipelines.synthesize.derived.joined import LETTERS, Hop, can_be_joined, first_hop, joined
from rollmill.pipelines.synthesize.derived.lineage import chance, lineage_meta, lineage_of
from rollmill.pipelines.synthesize.derived.twins import twins
from rollmill.pipelines.synthesize.sources import Source, required
from rollmill.pipelines.synthesize.template import instance_key

ROLES = ("parts", "composed", "told", "control", "twins")
_TRIED = 60  # problems that are tried as the next hop of one chain


class Composed:
    """Chains of `hops` problems. `roles`: the problems made from each chain, of ROLES, all or none.

    `uses`: the number of chains that may contain a problem.
    """

    name = "composed"
    version = "1"

    def __init__(
        self, *, hops: int = 2, roles: Sequence[str] = ("composed",), uses: int = 1, source: Source | None = None
    ) -> None:
        """Take the options of a recipe.

        Args:
            hops: Problems in a chain.
            roles: What is made of each chain: `composed`, `parts`, `told`, `control`, `twins`, or several of them.
            uses: Largest number of chains that contain one problem.
        """
        # Every hop but the first needs a letter.
        if not 2 <= hops <= len(LETTERS) + 1 or uses < 1:
            raise SetupError(
                f"composed: hops {hops}, uses {uses}.", choices=(f"hops 2 to {len(LETTERS) + 1}", "uses 1 or more")
            )
        for role in roles:
            if role not in ROLES:
                raise unknown_name("role of synthesizer 'composed'", str(role), ROLES)
        self.hops, self.roles, self.uses, self.source = hops, frozenset(roles), uses, source

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` problems; fewer if the source has no more hops that fit together."""
        source = required(self.source, self.name)
        usable = [problem for problem in source.problems if can_be_joined(problem)]
        if len(usable) < self.hops:
            known = f"{len(usable)} problems of shipped templates or with worked solutions"
            raise SetupError(f"{source.name} has {known}; a chain needs {self.hops}.")
        return self._problems(usable, budget, seed)

    def _problems(self, usable: list[Problem], budget: int, seed: int) -> Iterator[Problem]:
        count, prompts = 0, set[str]()
        for hops in self._chains(usable, seed):
            group = self._given_out(hops, seed)
            group_prompts = {problem.prompt_id for problem in group}
            if group_prompts & prompts:  # the same part again, in another chain
                continue
            # A chain is given whole or not at all, as its roles are compared with one another.
            if count + len(group) > budget:
                return
            prompts |= group_prompts
            count += len(group)
            yield from group

    def _given_out(self, hops: Sequence[Hop], seed: int) -> list[Problem]:
        *parts, whole = composed_with_parts(hops, seed, self.name)
        group = parts if "parts" in self.roles else []
        group += [whole] if "composed" in self.roles else []
        group += [_told(hops, seed, role) for role in ("told", "control") if role in self.roles]
        return [*group, *(twins(hops, seed, self.name) if "twins" in self.roles else [])]

    def _chains(self, usable: Sequence[Problem], seed: int) -> Iterator[list[Hop]]:
        """Chains in an order that the seed gives; a problem begins one, or is met later on."""
        order = sorted(usable, key=lambda problem: (chance(self.name, problem, seed).random(), problem.id))
        used: Counter[str] = Counter()
        # Every problem may begin a chain before any begins its second.
        for _ in range(self.uses):
            for problem in order:
                if used[problem.id] < self.uses and (begun := first_hop(problem)) is not None:
                    hops = self._longer([begun], order, used)
                    if hops is not None:
                        used.update(hop.problem.id for hop in hops)
                        yield hops

    def _longer(self, hops: list[Hop], order: Sequence[Problem], used: Mapping[str, int]) -> list[Hop] | None:
        """The chain with its missing hops, each the first problem that takes the answer so far; None if none does."""
        if len(hops) == self.hops:
            return hops
        inside = {hop.problem.id for hop in hops}
        free = (
            problem
            for problem in order
            if used[problem.id] < self.uses and problem.id not in inside and problem.split == hops[0].problem.split
        )
        # A dead end goes back a hop, so trying all problems would take their number to the power of the hops.
        for _, problem in zip(range(_TRIED), free, strict=False):
            hop = joined(problem, int(hops[-1].answer), letter_of(len(hops)))
            whole = None if hop is None else self._longer([*hops, hop], order, used)
            if whole is not None:
                return whole
        return None


def _told(hops: Sequence[Hop], seed: int, role: str) -> Problem:
    """The last hop with its letter and the number given; as a control, after the texts of the earlier hops."""
    hop, value = hops[-1], hops[-2].answer
    text = f"{letter_of(len(hops) - 1)} is {value}. {hop.text}"
    if role == "control":
        before = "\n".join(f"Here is another problem: {hop.text}" for hop in hops[:-1])
        text = f"{before}\nNow solve this one: {text}"
    sources = [hop.problem for hop in hops]
    lineage = lineage_meta(Composed.name, sources, seed, role=role, bridge=value, hops=[hop.record()])
    return replace(hop.problem, prompt=text, reference=hop.answer, meta={"graph": None, **lineage}, external_id=None)


def shared_steps(problems: Iterable[Problem]) -> dict[str, set[str]]:
    """The single hops (by template and numbers) that are in more than one split, with those splits: a leak."""
    splits: dict[str, set[str]] = defaultdict(set)
    for problem in problems:
        for step in _steps(problem):
            splits[step].add(problem.split)
    return {step: names for step, names in splits.items() if len(names) > 1}


def _steps(problem: Problem) -> Iterator[str]:
    hops: Any = lineage_of(problem).get("hops")
    records: list[dict[str, Any]] = hops or [{"template": problem.template, "params": problem.meta.get("params")}]
    for record in records:
        # A worked solution has no parameters to compare, so its problem stands for it.
        if record["params"] is None:
            yield str(record.get("problem", problem.id))
        else:
            yield instance_key(str(record["template"]), record["params"])

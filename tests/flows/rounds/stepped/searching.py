"""A run that searches with the shipped model, and the whole of it in a process to be killed."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rollmill.flows.sampling.steps import Step
from rollmill.ground.records import Completion, Problem, Request, Sampling
from rollmill.pipelines.budget.search import Search
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.generate.prompts import PromptForm
from rollmill.pipelines.generate.tools.compose import Compose
from rollmill.pipelines.search.tree import AskingPolicy
from rollmill.pipelines.synthesize.templates import Templates
from rollmill.pipelines.verify import VERIFIERS
from rollmill.roles.registries import registry
from rollmill.steps.graph import Node, StepGraph, StepRule
from tests.flows.rounds.toy import ToyRun, spec

BATCH = 16


def graph_of(budget: Search) -> StepGraph:
    """The steps of a search."""
    goes_on: dict[str, Any] = {"turn": "continue", "role": "step", "raw": True, "searched": True}
    rules = [StepRule("piece", role="step", searched=True), StepRule("next", "{piece}", **goes_on)]
    rules += [StepRule(name, "{piece}" + text, **goes_on) for name, text in budget.texts.items()]
    for name, question in budget.questions.items():
        rules.append(StepRule(name, question, role="step", searched=True, gather=2 if "{piece*}" in question else 0))
    if (draws := budget.process_draws) is not None:
        rules = [replace(rule, read=draws.reads) for rule in rules]
        asks = StepRule("process", draws.template, role="step", searched=True)
        rules.append(asks if draws.template else StepRule("process", "{piece}", **goes_on))
    return StepGraph([*rules, StepRule("answer", "{piece}", raw=True, searched=True)])


class Logged(Embedded):
    """The embedded engine that writes down what it drew, so that the record survives a kill."""

    def __init__(self, log: Path | None = None, threads: int = 1, reverse: bool = False) -> None:
        super().__init__(threads=threads)
        self._log, self._reverse = log, reverse

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """As the engine does, one line each."""
        for completion in super().generate(requests[::-1] if self._reverse else requests):
            if self._log is not None:
                with self._log.open("a") as file:
                    file.write(completion.id + "\n")
            yield completion


def problems() -> list[Problem]:
    """Three problems, one of each level."""
    return list(Templates(split="heldout", levels=(4, 6, 8)).synthesize(3, 3))


def form_of(node: Node) -> PromptForm:
    """The form of a step: its template if it asks about the problem alone."""
    return PromptForm(str(node.step.template)) if node.plain else PromptForm()


def search(
    run: str = "toy-run",
    *,
    policy: Any = "particles",
    process: Any = "lines",
    batch: int = BATCH,
    seed: int = 7,
    **engine: Any,
) -> ToyRun:
    """Three problems, eight particles or what else the policy grows."""
    options = {"particles": {"n": 8}, "beam": {"width": 8}, "best_of_n": {"n": 8}}.get(str(policy), {})
    grown_by = registry("search policy")[policy](**options) if isinstance(policy, str) else policy
    budget = Search(policy=[grown_by], process=process if isinstance(process, str) else [process])
    graph = graph_of(budget)
    made = partial(Logged, **engine)
    piece = Sampling(max_tokens=32, stop=("\n",))
    whole_answer = Sampling(max_tokens=120)
    whole = isinstance(grown_by, AskingPolicy) and grown_by.whole
    samplings = {"answer": whole_answer, "process": whole_answer, "direction": whole_answer}
    samplings |= {"rewritten": whole_answer} if whole else {}
    steps = [
        Step(node, Compose if name == "answer" else made, samplings.get(name, piece), form_of(node), batch)
        for name, node in graph.nodes.items()
    ]
    return spec(
        run,
        problems=problems(),
        steps=steps,
        verifiers=(VERIFIERS["number"],),
        budget=budget,
        recipe_seed=seed,
    )

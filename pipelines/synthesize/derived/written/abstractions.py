"""The synthesizer `abstractions`: variants of problems from the programs that a version kept (EFA, Khan et al. 2025).

A recipe has programs written for problems and judged by the verifier `abstraction` (recipes/steps/efa.yaml). Each kept
program gives `variants` problems by its `sample`, `render` and `solve`, run in the sandbox; the answer is computed. An
instance that is the original again, or a copy of an earlier one, is left out.
"""

from collections.abc import Iterator
from contextlib import closing

from rollmill.ground.ids import digest128
from rollmill.ground.records import Problem
from rollmill.pipelines.option_checks import checked_count
from rollmill.pipelines.sandbox import Mode, Sandbox, check_sandbox, limits_of
from rollmill.pipelines.synthesize.derived.lineage import lineage_meta
from rollmill.pipelines.synthesize.sources import Source, SourceRollout, required
from rollmill.pipelines.verify.functional.abstraction import calls_of, source_of, variants_of


class Abstractions:
    """Problems out of programs. `step`: only programs of this step of the source's recipe."""

    name, version = "abstractions", "1"

    def __init__(
        self, *, variants: int = 4, step: str | None = None, sandbox: Mode = "strict", source: Source | None = None
    ) -> None:
        """Take the options of a recipe.

        Args:
            variants: Instances drawn from each program.
            step: Take only programs of this step of the recipe.
            sandbox: Confinement of programs: `strict`, `shared` (faster) or `none` (no protection).
        """
        self.variants, self.step = checked_count("synthesizer", self.name, "variants", variants), step
        self.mode, self.source = sandbox, source

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` distinct problems; the seed decides which programs come first."""
        source = required(self.source, self.name)
        programs = [rollout for rollout in source.rollouts() if rollout.kept and self.step in (None, rollout.step)]
        programs.sort(key=lambda rollout: digest128([self.name, seed, rollout.completion_id]))
        return self._problems(source, programs, budget, seed)

    def _problems(self, source: Source, programs: list[SourceRollout], budget: int, seed: int) -> Iterator[Problem]:
        known = {problem.id: problem for problem in source.problems}
        prompts, made = {problem.prompt_id for problem in source.problems}, 0
        check_sandbox(self.mode)
        with closing(Sandbox(self.mode, limits_of(2.0, 256), 1)) as sandbox:
            for rollout in programs:
                program, original = source_of(rollout.text), known[rollout.problem_id]
                keys = [digest128([self.name, seed, rollout.completion_id, at]) for at in range(self.variants)]
                seeds = [int(key[:12], 16) for key in keys]
                variants = "no program" if program is None else variants_of(sandbox.run(calls_of(program, seeds)))
                for at, variant in enumerate(() if isinstance(variants, str) else variants):
                    lineage = lineage_meta(self.name, [original], seed, program=rollout.completion_id, variant=at)
                    problem = Problem(
                        variant.text,
                        variant.answer,
                        kind=original.kind,
                        source=self.name,
                        licence=original.licence,
                        split=original.split,
                        level=original.level,
                        skill=original.skill,
                        template=f"efa {rollout.completion_id[:12]}",
                        meta={"params": dict(variant.params), **lineage},
                    )
                    if made == budget:
                        return
                    if problem.prompt_id not in prompts:
                        prompts.add(problem.prompt_id)
                        made += 1
                        yield problem

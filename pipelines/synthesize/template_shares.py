"""The synthesizer `template_shares`: templated problems in given shares of levels, skills or templates."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digest128
from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.pipelines.synthesize.splits import templates_of
from rollmill.pipelines.synthesize.template import LEVELS, solution_text
from rollmill.pipelines.synthesize.templates import Templates

COLUMNS = ("level", "skill", "template")


class TemplateShares:
    """Problems of the shipped templates, each with its worked solution as `solution` in its meta.

    The shares may be numbers of any size; a kind without one gets none, and without any all are equal. For curricula, whose
    shares change from round to round.
    """

    name, version = "template_shares", "1"

    def __init__(
        self,
        *,
        by: str = "level",
        shares: Mapping[str, float] | None = None,
        levels: Sequence[int] = LEVELS,
        split: str = "train",
    ) -> None:
        """Take the options of a recipe.

        Args:
            by: Column whose values have the shares: `level`, `skill` or `template`.
            shares: Share of each value, as a number of 0 or more; none: equal shares.
            levels: Levels to draw from, 1 (easiest) to 8.
            split: Split of the problems: `train`, `heldout` or `evaluation`, which share no problem.
        """
        if by not in COLUMNS:
            raise unknown_name("column", by, COLUMNS)
        self.by, self.split, self.levels = by, split, levels
        self.makers = {kind: self._maker(kind) for kind in self._kinds()}
        # YAML reads levels as numbers, and kinds are texts.
        given = dict.fromkeys(self.makers, 1.0) if shares is None else {str(kind): share for kind, share in shares.items()}
        for kind, share in given.items():
            if kind not in self.makers:
                raise unknown_name(by, kind, self.makers)
            # Written so that NaN fails too.
            if not share >= 0:
                raise SetupError(f"the share of {by} {kind} is {share}; it must be 0 or more.")
        self.shares = {kind: share for kind, share in given.items() if share > 0}
        if not self.shares:
            raise SetupError(f"no {by} has a share above 0.", choices=list(self.makers))

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """`budget` problems, at every moment as near to the shares as whole numbers can be."""
        total = sum(self.shares.values())
        # At most `budget` problems are skipped as prompts of other kinds, so twice as many suffice.
        sources = {kind: self.makers[kind].synthesize(2 * budget, _seed(seed, kind)) for kind in self.shares}
        counts, prompts = dict.fromkeys(self.shares, 0), set[str]()
        for number in range(1, budget + 1):
            kind = max(self.shares, key=lambda kind: (self.shares[kind] / total * number - counts[kind], kind))
            counts[kind] += 1
            # Two levels of a template may have one problem.
            problem = next(problem for problem in sources[kind] if problem.prompt_id not in prompts)
            prompts.add(problem.prompt_id)
            yield _with_solution(problem)

    def _kinds(self) -> list[str]:
        if self.by == "level":
            # `Templates` checks the levels and takes each once.
            return [str(level) for level in Templates(levels=self.levels, split=self.split).levels]
        known = templates_of(self.split)
        return list(known) if self.by == "template" else sorted({TEMPLATES[name]().skill for name in known})

    def _maker(self, kind: str) -> Templates:
        if self.by == "level":
            return Templates(levels=[int(kind)], split=self.split)
        if self.by == "skill":
            return Templates(levels=self.levels, skills=[kind], split=self.split)
        return Templates(levels=self.levels, templates=[kind], split=self.split)


def _seed(seed: int, kind: str) -> int:
    """A seed of each kind, so that its problems do not depend on the other kinds."""
    # 53 bits, as the seeds of instances have.
    return int(digest128(["template-shares", seed, kind])[:16], 16) >> 11


def _with_solution(problem: Problem) -> Problem:
    template = TEMPLATES[str(problem.template)]()
    return replace(problem, meta={**problem.meta, "solution": solution_text(template.solve(problem.meta["params"]))})

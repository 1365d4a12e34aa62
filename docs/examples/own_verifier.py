# %% [markdown]
# # A verifier of your own
#
# A verifier is a class with `name`, `version`, `verify`, `verify_many` and `close`. It needs no base class. This one
# accepts an answer that ends with `#### N` and shows its calculation: a correct number alone is not enough.

# %%
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import rollmill
from rollmill import Completion, Problem, Verdict


class ShownWork:
    """Correct where the last line is `#### reference` and at least `lines` lines with a calculation come before it."""

    name = "shown_work"

    def __init__(self, lines: int = 1) -> None:
        self.lines = lines
        # Whatever can change a verdict belongs in the version: Rollmill then knows what must be judged again.
        self.version = f"1 lines={lines}"

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        """The verdict on one completion. It never raises, whatever a model wrote."""
        *work, last = completion.text.strip().splitlines() or [""]
        answer = re.fullmatch(r"####\s*(-?[\d./]+)", last.strip())
        if answer is None:
            return self._verdict(problem, completion, "unparsed", "no line `#### N` at the end")
        shown = sum("=" in line for line in work)
        if shown < self.lines:
            return self._verdict(problem, completion, "incorrect", f"{shown} lines of work, {self.lines} wanted")
        outcome = "correct" if answer[1] == problem.reference.strip() else "incorrect"
        return self._verdict(
            problem, completion, outcome, None if outcome == "correct" else f"{answer[1]} is another number"
        )

    def verify_many(self, items: Iterable[tuple[Problem, Completion]]) -> Iterator[Verdict]:
        """The verdicts on many, in order."""
        return (self.verify(problem, completion) for problem, completion in items)

    def close(self) -> None:
        """Nothing is held open."""

    def _verdict(self, problem: Problem, completion: Completion, outcome: str, cause: str | None) -> Verdict:
        return Verdict(completion.id, problem.id, self.name, self.version, outcome, rule="shown", cause=cause)


# %% [markdown]
# ## Try it by hand

# %%
answers = [
    ("What is 3 x 4 + 1?", "13", "3 x 4 = 12\n12 + 1 = 13\n#### 13"),
    ("What is 3 x 4 + 1?", "13", "#### 13"),
    ("What is 3 x 4 + 1?", "13", "It is thirteen."),
]
for verdict in rollmill.verify(answers, ShownWork()):
    print(verdict.outcome, "|", verdict.cause)

# %% [markdown]
# ## Try it on a stored version
#
# `verify` also takes a frame, and gives it back with columns for the verdicts. Where do the two verifiers differ?

# %%
with rollmill.open() as workspace:
    rollouts = workspace.rollouts(dataset="first").df()
judged = rollmill.verify(rollouts[["prompt", "reference", "text"]], ShownWork(lines=2), answer="text")
print(judged.groupby([rollouts["outcome"].rename("number"), "outcome"]).size())

# %% [markdown]
# ## Use it in a recipe
#
# A recipe names the file and the class. The file lies beside the recipe; its content is part of the verifier's
# version. The first cell of this notebook is that file. (In Jupyter, write it by `%%writefile recipes/shown_work.py`
# at the top of that cell.)

# %%
text = Path("recipes/first.yaml").read_text()
recipe = text.replace("name: first", "name: shown").replace(
    "method: number", 'method: "shown_work.py:ShownWork", options: {lines: 2}'
)
Path("recipes/shown.yaml").write_text(recipe)
Path("recipes/shown_work.py").write_text(Path(__file__).read_text().partition("\n# %% [markdown]\n# ## Try it by hand")[0])
report = rollmill.curate("recipes/shown.yaml")
print(report["funnel"]["kept"], "kept")

# %% [markdown]
# `rollmill certify recipes/shown_work.py:ShownWork` puts it to a suite of hostile answers. To give it to others, make
# a package: `plugin/`.

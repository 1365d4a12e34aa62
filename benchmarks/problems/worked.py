"""Error rate of a worked solution's answers for other numbers, measured with templates that compute the answer.

    python benchmarks/problems/worked.py --problems 1200

Each problem's steps are its worked solution; each of its numbers is replaced by some near ones, where the template renders
the same text for them. Counted are answers that would be used for chains. The interval is over templates.
"""

import argparse
from collections.abc import Iterator

from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize.derived.joined import near, places, with_number
from rollmill.pipelines.synthesize.derived.worked import program_of, replaced
from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.pipelines.synthesize.template import CheckedTemplate
from rollmill.pipelines.synthesize.templates import Templates
from rollmill.stats import cluster_share


def main() -> None:
    """Print the share of wrong answers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=3)
    given = parser.parse_args()
    problems = Templates(levels=(1, 2, 3, 4, 5, 6)).synthesize(given.problems, given.seed)
    rows = [(problem.template, wrong) for problem in problems for wrong in checked(problem)]
    parts = [float(wrong) for _, wrong in rows]
    share = cluster_share(parts, [1.0] * len(rows), [name for name, _ in rows], estimand="wrong answers")
    assert share is not None
    print(f"{sum(parts):.0f} of {len(rows)} wrong: {share.value:.4f} [{share.low:.4f}, {share.high:.4f}]", share.clusters)


def checked(problem: Problem) -> Iterator[bool]:
    """True for each wrong answer for another number."""
    template, params = TEMPLATES[str(problem.template)](), problem.meta["params"]
    steps = "".join(f"<<{step.replace(' ', '')}>>" for step in template.solve(params).steps)
    same = Problem(problem.prompt, problem.reference, meta={"solution": steps})
    program = program_of(same)
    if program is None or not isinstance(template, CheckedTemplate):
        return
    for place, number in places(params):
        for value in (number - 1, number + 1, number + 2, number + 3):
            for old, (start, end), answer in replaced(same, program, value):
                new = with_number(params, place, value)
                text = f"{str(problem.prompt)[:start]}{value}{str(problem.prompt)[end:]}"
                used = old == number and near(old, value) and near(int(problem.reference), answer)
                if used and template.render(new, problem.meta["phrasing"]) == text:
                    yield template.answer_check(new) != str(answer)


if __name__ == "__main__":
    main()

"""Students of single skills and of a mixture: what arms and benchmarks are, and what matrix and a judge of length show."""

from rollmill.flows.trials.trial_recipe import load_trial
from rollmill.stats import rank_agreement
from rollmill.storage.queries.comparisons.comparison import leaderboard
from tests.flows.conftest import ROOT
from tests.storage.queries.comparisons.test_comparison import side

SKILLS = ("rates", "ages", "counting")


def test_each_arm_has_one_skill_but_the_mixture_and_each_benchmark_asks_one() -> None:
    trial = load_trial(ROOT / "recipes/trials/skills.yaml")
    problems = {
        arm: next(text for text in curated.sets if text.startswith("problems=")) for arm, curated in trial.curated.items()
    }
    assert trial.arms == [*SKILLS, "mixture"]
    for arm, text in problems.items():
        assert {skill for skill in SKILLS if f'"{skill}"' in text} == (set(SKILLS) if arm == "mixture" else {arm})
        assert '"count": 90' in text
    asked = {part.name: (part.options or {})["skills"] for part in trial.evaluation.recipe.benchmarks}
    assert asked == {skill: [skill] for skill in SKILLS}
    assert trial.recipe.equal == "loss_tokens"


def test_no_dataset_is_best_everywhere_the_mixture_is_best_in_the_mean_and_a_judge_of_length_sees_neither() -> None:
    """Planted: a student of one skill solves .9 of it and .2 of the others, that of the mixture .7 of all."""
    rates = {arm: {skill: 0.9 if skill == arm else 0.2 for skill in SKILLS} for arm in SKILLS} | {
        "mixture": dict.fromkeys(SKILLS, 0.7)
    }
    sides = [
        side(arm, {f"{skill}{n}": [n < 40 * rate] for n in range(40)}, skill)
        for arm, of_skill in rates.items()
        for skill, rate in of_skill.items()
    ]
    board = leaderboard(sides)
    values = {(row["model"], row["benchmark"]): row["value"] for row in board["cells"]}
    assert [max((values[arm, skill], arm) for arm in rates)[1] for skill in SKILLS] == list(SKILLS)
    means = {arm: row["value"] for arm, row in board["means"].items()}
    assert max(means, key=lambda arm: means[arm]) == "mixture"
    words = {"rates": 90.0, "ages": 80.0, "counting": 70.0, "mixture": 60.0}  # a judge that likes long texts
    for skill in SKILLS:
        agreement = rank_agreement([values[arm, skill] for arm in rates], [words[arm] for arm in rates])
        assert agreement is not None
        assert agreement.low < 0.0 < agreement.high

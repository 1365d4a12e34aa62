"""Audits of `math` on 12,748 real rollouts whose labels stand in for the people: every rate is covered, with small bias.

The labels are the import's and sometimes wrong; here they only have to be a truth that the verifier does not know.
"""

import math
from collections import Counter
from pathlib import Path

import pytest

from rollmill.flows import cli
from rollmill.flows.auditing.audits import AuditRequest, population, run_of
from rollmill.pipelines.certify.audit_sample import SampledRow, describe, draw, strata_of
from rollmill.stats import Estimate, Judgement, VerifierPassRate, audit_rates
from rollmill.storage.queries import Reader, run_scope
from rollmill.storage.queries.judge.audited import audited_as
from rollmill.storage.workspace import Workspace
from tests.shared_data import shared_data

pytestmark = pytest.mark.data
RECIPE = """\
recipe_schema: 1
name: mc
problems: {imported: mc}
generate: {engine: imported}
verify: [{method: math}]
budget: {method: fixed}
select: {method: quota, options: {per_problem: 4}}
gate: {max_undecided: 0.05, min_kept: 1}
"""
SEEDS = 60


@pytest.fixture(scope="module")
def mathcoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mc") / "ws"
    Workspace.init(folder).close()
    (folder / "mc.yaml").write_text(RECIPE)
    assert (
        cli.run(["-C", str(folder), "import", "rollouts", str(shared_data("mathcoder_rollouts.parquet")), "--name", "mc"])
        == 0
    )
    assert cli.run(["-C", str(folder), "curate", "mc.yaml", "--direct"]) == 0
    return folder


def test_rates_of_real_rollouts_are_covered(mathcoder: Path) -> None:
    with Reader.open(mathcoder) as reader:
        run = run_of(reader, AuditRequest("math"))
        rows, design = population(run_scope(reader, run.id), *audited_as(run, "math"))
        drawn = reader.fetch("completions", sorted({row.completion_id for row in rows}))
        label = {rollout.id: bool(rollout.meta["is_correct"]) for rollout in drawn}
    assert design["population"] == 12_679  # 69 of 12,748 are undecided
    truth = _truth(rows, label)
    strata, held = strata_of(rows), Counter[str]()
    errors: dict[str, list[float]] = {name: [] for name in truth}
    for seed in range(SEEDS):
        items = draw(strata, 300, seed)
        judged = [
            Judgement(
                i.stratum,
                i.row.weight,
                i.row.accepted == label[i.row.completion_id],
                design["clusters"]["place"].get(i.row.problem_id),
            )
            for i in items
        ]
        rates = audit_rates(
            describe(strata), judged, VerifierPassRate(Estimate(**design["raw"]), design["clusters"]["sums"])
        )
        rates_found = {**rates["overall"], "pass_rate": rates["pass_rate"]["corrected"]}
        for name, right in truth.items():
            held[name] += rates_found[name]["low"] <= right <= rates_found[name]["high"]
            errors[name].append(rates_found[name]["value"] - right)
    for name in truth:
        assert held[name] / SEEDS >= 0.93, name
        assert abs(math.fsum(errors[name]) / SEEDS) < 0.006, name


def _truth(rows: list[SampledRow], label: dict[str, bool]) -> dict[str, float]:
    accepted = [row for row in rows if row.accepted]
    right = [row for row in rows if label[row.completion_id]]
    kept = [row for row in rows if row.kept]
    false = sum(not label[row.completion_id] for row in accepted)
    return {
        "false_accept_rate": false / (len(rows) - len(right)),
        "false_reject_rate": (len(right) - len(accepted) + false) / len(right),
        "precision_kept": sum(label[row.completion_id] for row in kept) / len(kept),
        "share_right": len(right) / len(rows),
        "pass_rate": math.fsum(row.weight for row in right),
    }

"""Real rollouts end to end: imported, judged, selected, checked, published without a generator, and verified."""

import json
from pathlib import Path

import pytest

from tests.flows.conftest import Run
from tests.shared_data import shared_data

pytestmark = pytest.mark.data
RECIPE = """\
recipe_schema: 1
name: {name}
problems: {{imported: {name}}}
generate: {{engine: imported}}
verify: [{{method: number}}, {{method: math}}]
budget: {{method: fixed}}
select: {{method: all_correct}}
"""


def curated(rollmill: Run, name: str) -> dict[str, int]:
    Path(f"{name}.yaml").write_text(RECIPE.format(name=name))
    result = rollmill("curate", f"{name}.yaml", "--direct", "--json")
    assert result.status == 0, result.err
    assert rollmill("dataset", "verify", name).status == 0
    funnel: dict[str, int] = json.loads(result.out)["funnel"]
    return funnel


def imported(rollmill: Run, *arguments: str) -> None:
    result = rollmill("import", *arguments)
    assert result.status == 0, result.err


@pytest.mark.usefixtures("toy")
def test_gsm8k_and_mathcoder(rollmill: Run) -> None:
    imported(rollmill, "problems", str(shared_data("gsm8k_problems.jsonl")), "--name", "gsm8k")
    imported(rollmill, "rollouts", str(shared_data("gsm8k_rollouts.jsonl")), "--name", "gsm8k", "--problems", "gsm8k")
    funnel = curated(rollmill, "gsm8k")
    assert (funnel["problems"], funnel["drawn"], funnel["correct"], funnel["undecided"]) == (660, 2640, 986, 0)
    imported(rollmill, "rollouts", str(shared_data("mathcoder_rollouts.parquet")), "--name", "mathcoder")
    funnel = curated(rollmill, "mathcoder")
    # Of 12,748 final answers 69 are not readable, or may be the reference rounded: "80 girls and 16 boys" for 80.
    assert (funnel["problems"], funnel["undecided"]) == (2542, 69)

"""The repairs of a run with steps and of its version: which are whose, what they take, and pass@t over their trees."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Repair
from rollmill.storage.queries import Reader, dataset_scope, run_scope
from rollmill.storage.queries.notebook import open_workspace
from rollmill.storage.queries.pools import scope_pool
from rollmill.storage.queries.repairs import with_repairs
from rollmill.storage.versions.publish import publish
from rollmill.storage.workspace import Workspace
from tests.storage.queries.conftest import DONE, Milled
from tests.storage.stepped.threaded import IDS, RUN, snapshot, stored

pytestmark = pytest.mark.integration


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.init(tmp_path / "ws") as workspace:
        stored(workspace)
        publish(workspace, snapshot(), report_html="", report_json={})
        yield workspace


def test_a_repair_belongs_to_the_nearest_judged_answer_and_takes_its_feedback(ws: Workspace) -> None:
    """`fix` follows `cut`, which follows `mark`, which follows `solve`: nine tokens each; `error` follows a right one."""
    reader = Reader(ws)
    for scope in (run_scope(reader, RUN), dataset_scope(reader, "lines")):
        source = scope_pool(scope)
        repairs = dict(zip(source.completions, with_repairs(source).repairs, strict=True))
        assert repairs == {IDS["s0"]: (Repair(9, 1),), IDS["s1"]: (Repair(27, 0), Repair(27, 1))}


def test_the_curve_is_asked_for_by_name(ws: Workspace) -> None:
    with open_workspace(ws.root) as opened:
        wheres: list[dict[str, Any]] = [{"run": RUN}, {"dataset": "lines"}]
        for where in wheres:
            frame = opened.measure("pass@t", over="trees", **where)
            points = {(row.drafts, row.repairs): (row.value, row.mean_tokens) for row in frame.itertuples()}
            assert points == {
                (1, 0): (0.5, 9.0), (1, 1): (0.75, 22.5), (1, 2): (1.0, 36.0),
                (2, 0): (1.0, 18.0), (2, 1): (1.0, 45.0), (2, 2): (1.0, 72.0),
            }  # fmt: skip


def test_a_run_without_a_later_step_has_no_trees(curated: Milled) -> None:
    scope = run_scope(curated.reader, DONE)
    with pytest.raises(SetupError, match="has no repairs of measured completions"):
        with_repairs(scope_pool(scope))

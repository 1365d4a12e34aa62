"""Questions are answered while somebody writes, and the writer is never held up."""

import threading
from typing import Any

from rollmill.ground.records import Completion, Verdict
from rollmill.storage.queries import Filters, funnel, pass_rates, problem_detail, run_scope, search_problems
from rollmill.storage.segments.keys import SegmentKey

DONE = "toy-aaaaaaaa"


def test_queries_run_beside_a_writer(curated: Any) -> None:
    failures: list[BaseException] = []
    over = threading.Event()

    def ask() -> None:
        try:
            while not over.is_set():
                scope = run_scope(curated.reader, DONE)
                assert funnel(scope).planned == 48
                assert len(pass_rates(scope)) == 2
                problem = search_problems(scope, Filters(text="ext-2")).rows[0]
                assert len(problem_detail(scope, problem.id).rollouts) == 8
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=ask) for _ in range(2)]
    for reader in readers:
        reader.start()
    owner = curated.problems[0]
    for batch in range(20):
        cid = f"extra-{batch}"
        drew = Completion(cid, owner.prompt_id, "embedded", "m", "d", "curate", 100 + batch, 0, "x", "stop")
        verdict = Verdict(cid, owner.id, "number", "1", "incorrect", "last number")
        items = [
            (SegmentKey("completions", "embedded", "d", cid), [drew]),
            (SegmentKey("verdicts", "number", "1", cid), [verdict]),
        ]
        assert [commit.redundant for commit in curated.ws.segments.commit_many(items)] == [False, False]
    over.set()
    for reader in readers:
        reader.join()
    assert failures == []


def test_a_missing_file_is_passed_over(curated: Any) -> None:
    files = sorted(curated.ws.state.glob("segments/verdicts/**/*.parquet"))
    assert len(files) == 2
    files[0].unlink()
    detail = problem_detail(run_scope(curated.reader, DONE), curated.problems[1].id)
    assert sum(len(rollout.verdicts) for rollout in detail.rollouts) == 4

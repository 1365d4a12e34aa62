"""Progress: what a stage says of speed and acceptance is what this command did, not what was there."""

import pytest

from rollmill.flows.progress import Event, Progress, Stage, describe


def seen(*events: Event) -> dict[str, Stage]:
    progress = Progress()
    for event in events:
        progress(event)
    return progress.stages


def test_rows_that_were_there_are_no_speed() -> None:
    stages = seen(
        Event("planned", 0, 0, 1000, 0, 0.0),
        Event("drawn", 0, 900, 1000, 0, 0.5, here=0),
        Event("drawn", 0, 1000, 1000, 5000, 2.0, here=100),
    )
    assert (stages["draw"].done, stages["draw"].here, stages["draw"].rate) == (1000, 100, 50.0)


def test_a_round_with_nothing_to_do_has_no_rate() -> None:
    stages = seen(Event("planned", 0, 0, 1000, 0, 0.0), Event("done", 0, 1000, 1000, 0, 0.01))
    assert {name: stage.rate for name, stage in stages.items()} == {"draw": 0.0, "verify": 0.0}


def test_a_job_behind_another_one_begins_at_0_for_the_same_watcher() -> None:
    told: list[Stage] = []
    first = Progress(told.append)
    first(Event("planned", 0, 0, 1000, 0, 0.0))
    first(Event("drawn", 0, 1000, 1000, 5000, 2.0, here=1000))
    first.of_next_job()(Event("drawn", 0, 20, 40, 100, 1.0, here=20))
    assert [(stage.done, stage.total, stage.tokens) for stage in told if stage.name == "draw"][-2:] == [
        (1000, 1000, 5000),
        (20, 40, 100),
    ]


def test_acceptance_is_over_the_rows_judged_here_in_all_rounds() -> None:
    stages = seen(
        Event("verified", 0, 60, 100, 0, 1.0, here=20, correct=5),
        Event("done", 0, 100, 100, 0, 1.5),
        Event("verified", 1, 20, 20, 0, 0.5, here=20, correct=15),
    )
    assert (stages["verify"].here, stages["verify"].correct) == (40, 20)
    assert "correct=0.500" in describe(stages["verify"])


def test_time_left_is_of_the_whole_run_and_not_of_its_round() -> None:
    rows = {"median": 1_200.0, "low": 1_000.0, "high": 1_500.0}
    whole = {"draw": rows, "verify": rows}
    stages = seen(
        Event("planned", 0, 0, 48, 0, 0.0, whole=whole),
        Event("drawn", 0, 44, 48, 0, 2.0, here=44, whole=whole),  # 0 s were said here, and 53 s more it took
    )
    assert str(stages["draw"].left) == "about 53 s left (43 s to 66 s)"
    assert "left=53s" in describe(stages["draw"])
    later = seen(Event("drawn", 0, 48, 48, 0, 2.0, here=48, whole=whole), Event("waiting", 0, 0, 48, 0, 0.0))
    assert later["draw"].left is not None


def test_rows_to_come_that_take_longer_take_longer() -> None:
    weight = {"median": 2.0, "low": 1.0, "high": 3.0}
    rows = {"median": 144.0, "low": 94.0, "high": 244.0, "weight": weight}
    left = seen(Event("drawn", 0, 44, 48, 0, 2.0, here=44, whole={"draw": rows}))["draw"].left
    assert left is not None
    assert [left.seconds, left.low, left.high] == pytest.approx([2 * 100 / 22, 50 / 22, 3 * 200 / 22])


def test_a_round_that_is_the_whole_run_is_certain() -> None:
    stages = seen(Event("drawn", 0, 25, 100, 0, 5.0, here=25))
    assert str(stages["draw"].left) == "15 s left"
    assert seen(Event("drawn", 0, 100, 100, 0, 5.0, here=100))["draw"].left is None


def test_a_stage_told_as_a_whole_counts_all_its_rows() -> None:
    assert Stage("select", 50, 50, seconds=2.0).rate == 25.0

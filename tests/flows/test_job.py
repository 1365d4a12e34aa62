"""What a command was asked to do, and how a copied workspace finds its own files."""

from pathlib import Path

from flows.job import Job


def test_a_run_found_in_a_copy_of_its_workspace_reads_the_files_of_the_copy() -> None:
    inside = Job("/old/ws", "/old/ws/recipes/toy.yaml", ("seed=1",), "/old/ws/profiles/p.yaml", max_tokens=7)
    assert Job.of_run(inside.data(), Path("/new")) == Job(
        "/new", "/new/recipes/toy.yaml", ("seed=1",), "/new/profiles/p.yaml", max_tokens=7
    )
    outside = Job("/old/ws", "/shared/toy.yaml", profile="/shared/p.yaml")
    assert Job.of_run(outside.data(), Path("/new")) == Job("/new", "/shared/toy.yaml", profile="/shared/p.yaml")
    assert Job.of_run(inside.data(), Path("/old/ws")) == inside

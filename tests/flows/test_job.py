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


def test_the_command_is_as_a_shell_takes_it_from_the_workspace() -> None:
    job = Job("/a b", "/a b/my recipe.yaml", ("name=x y",), "/a b/profiles/p.yaml", max_tokens=7)
    assert job.command == "rollmill curate 'my recipe.yaml' --set 'name=x y' --profile profiles/p.yaml --max-tokens 7"
    elsewhere = Job("/a b", "/c d/r.yaml", profile="/c d/p.yaml", verb="evaluate")
    assert elsewhere.command == "rollmill evaluate '/c d/r.yaml' --profile '/c d/p.yaml'"

"""A project for several hosts: sums as problems, a recipe that draws from model servers, the profile of the servers."""

from collections.abc import Sequence
from pathlib import Path

from rollmill.storage.workspace import Workspace
from tests.hosts.network import Host
from tests.hosts.services import MODEL

NAME = "shared"  # of the recipe, and of the dataset that it makes
CURATE = ("curate", "shared.yaml", "--profile", "servers.yaml", "--json")
RECIPE = """\
recipe_schema: 1
name: {name}
problems: {{imported: sums}}
generate: {{engine: openai, model: toy, batch_size: {batch}, options: {{revision: r1}}}}
budget: {{method: fixed, options: {{initial: {samples}}}}}
select: {{method: all_correct}}
gate: {{min_kept: 1}}
"""


def write_project(folder: Path, *, problems: int, samples: int, batch: int, places: str = "") -> None:
    """A new workspace with problems and recipe; `places`: of its ledger and segments, by default in the workspace."""
    Workspace.init(folder).close()
    if places:
        (folder / "rollmill.toml").write_text(places)
    rows = [f'{{"id": "{n}", "prompt": "{n} + {n} = ?", "reference": "{2 * n}"}}\n' for n in range(problems)]
    (folder / "sums.jsonl").write_text("".join(rows))
    (folder / "shared.yaml").write_text(RECIPE.format(name=NAME, batch=batch, samples=samples))


def write_servers(folder: Path, urls: Sequence[str], in_flight: int) -> None:
    """The profile that names these servers, with so many requests in flight at each."""
    listed = "".join(f"  - {{url: {url}, concurrency: {in_flight}}}\n" for url in urls)
    (folder / "servers.yaml").write_text(f"servers:\n{listed}")


def places(ledger: str, segments: str) -> str:
    """The settings of a workspace whose ledger and segments are elsewhere."""
    return f'[ledger]\nurl = "{ledger}"\n[segments]\nurl = "{segments}"\n'


def served_by(hosts: Sequence[Host]) -> list[str]:
    """The addresses of the model servers on these hosts."""
    return [f"http://{host.name}:{MODEL}/v1" for host in hosts]

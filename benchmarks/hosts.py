"""Two hosts on one recipe, with ledger, bucket and model servers on hosts of their own: what each link carries.

    python benchmarks/hosts.py --rows 2000      # needs root and iproute2: the hosts are namespaces of this machine

Bytes are those of the virtual links, headers included, from the start of the two commands to the end of both; they are
given per rollout, over all hosts of a role. The scripted replies are short (about 20 characters).
"""

import argparse
import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from storage.workspace import Workspace
from tests.flows.conftest import finish
from tests.hosts.network import HERE, Network, network
from tests.hosts.services import MODEL, database, model, postgres, s3

SAMPLES, IN_FLIGHT, BATCH, DELAY = 8, 32, 256, 0.1
MODELS, WORKERS = ("model-1", "model-2"), ("left", "right")
ROLES = {"ledger": ("ledger",), "bucket": ("bucket",), "models": MODELS, "workers": WORKERS}
RECIPE = f"""\
recipe_schema: 1
name: shared
problems: {{imported: sums}}
generate: {{engine: openai, model: toy, batch_size: {BATCH}, options: {{revision: r1}}}}
budget: {{method: fixed, options: {{initial: {SAMPLES}}}}}
select: {{method: all_correct}}
gate: {{min_kept: 0}}
"""


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000)
    rows = parser.parse_args().rows
    with ExitStack() as stack:
        hosts = stack.enter_context(network("ledger", "bucket", *MODELS, *WORKERS))
        stack.enter_context(postgres(hosts["ledger"]))
        database(hosts["ledger"], "shared")
        hosts.environment |= stack.enter_context(s3(hosts["bucket"]))
        logs = [stack.enter_context(model(hosts[name], DELAY)) for name in MODELS]
        print(json.dumps(measured(hosts, rows, logs), indent=1))


def measured(hosts: Network, rows: int, logs: list[Path]) -> dict[str, object]:
    """What two commands on two hosts drew, paid and moved."""
    for name in WORKERS:
        write_project(hosts[name].disk / "ws", rows // SAMPLES)
    finish(hosts["left"].rollmill("import", "problems", f"{HERE}/ws/sums.jsonl", "--name", "sums"))
    before = {name: host.moved() for name, host in hosts.hosts.items()}
    began = time.monotonic()
    command = ("curate", "shared.yaml", "--profile", "servers.yaml", "--direct", "--json")
    running = [hosts[name].rollmill(*command) for name in WORKERS]
    outcomes = [json.loads(finish(process, 600).out) for process in running]
    moved = {name: host.moved() - before[name] for name, host in hosts.hosts.items()}
    asked = [line for log in logs for line in log.read_text().splitlines()]
    return {
        "rows": rows,
        "drawn": [outcome["spent"]["drawn"] for outcome in outcomes],
        "content": sorted({outcome["content_hash"][:8] for outcome in outcomes}),
        "asked": len(asked),
        "paid_twice": len(asked) - len(set(asked)),
        "seconds": round(time.monotonic() - began, 1),
        "bytes_per_rollout": {
            role: {
                "sent": round(sum(moved[name].sent for name in names) / rows),
                "received": round(sum(moved[name].received for name in names) / rows),
            }
            for role, names in ROLES.items()
        },
        "stored_in_bucket_per_rollout": round(size(hosts["bucket"].disk / "data") / rows),
        "dataset_per_rollout": round(size(hosts["left"].disk / "ws/datasets") / rows),
    }


def write_project(folder: Path, problems: int) -> None:
    """A workspace on the shared ledger and bucket."""
    Workspace.init(folder).close()
    url = '[ledger]\nurl = "postgresql://rollmill@ledger/shared"\n[segments]\nurl = "s3://shared/segments"\n'
    (folder / "rollmill.toml").write_text(url)
    lines = [f'{{"id": "{n}", "prompt": "{n} + {n} = ?", "reference": "{2 * n}"}}\n' for n in range(problems)]
    (folder / "sums.jsonl").write_text("".join(lines))
    (folder / "shared.yaml").write_text(RECIPE)
    servers = "".join(f"  - {{url: http://{name}:{MODEL}/v1, concurrency: {IN_FLIGHT}}}\n" for name in MODELS)
    (folder / "servers.yaml").write_text(f"servers:\n{servers}")


def size(folder: Path) -> int:
    """Bytes of all files under a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()

"""Two hosts on one recipe, with ledger, bucket and model servers on hosts of their own: what each link carries.

    python benchmarks/runs/hosts.py --rows 2000      # needs root and iproute2: the hosts are namespaces of this machine

Bytes are those of the virtual links, headers included, from the start of the two commands to the end of both; they are
given per rollout, over all hosts of a role. The scripted replies are short (about 20 characters).
"""

import argparse
import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.flows.conftest import finish
from tests.hosts.network import HERE, Network, network
from tests.hosts.project import CURATE, places, served_by, write_project, write_servers
from tests.hosts.services import database, model, postgres, s3

SAMPLES, IN_FLIGHT, BATCH, DELAY = 8, 32, 256, 0.1
MODELS, WORKERS = ("model-1", "model-2"), ("left", "right")
ROLES = {"ledger": ("ledger",), "bucket": ("bucket",), "models": MODELS, "workers": WORKERS}


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
    """Draws, payments and transfers of two commands on two hosts."""
    for name in WORKERS:
        folder = hosts[name].disk / "ws"
        shared = places("postgresql://rollmill@ledger/shared", "s3://shared/segments")
        write_project(folder, problems=rows // SAMPLES, samples=SAMPLES, batch=BATCH, places=shared)
        write_servers(folder, served_by([hosts[name] for name in MODELS]), IN_FLIGHT)
    finish(hosts["left"].rollmill("import", "problems", f"{HERE}/ws/sums.jsonl", "--name", "sums"))
    before = {name: host.moved() for name, host in hosts.hosts.items()}
    began = time.monotonic()
    running = [hosts[name].rollmill(*CURATE, "--direct") for name in WORKERS]
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


def size(folder: Path) -> int:
    """Bytes of all files under a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()

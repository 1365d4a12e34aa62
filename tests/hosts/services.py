"""Servers on the hosts of tests (PostgreSQL, S3, git, Prefect, a model): the real programs in the namespaces of a host."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rollmill.flows.prefect.server import QUIET
from tests.hosts.network import HERE, Host
from tests.postgres_server import NOBODY, binary
from tests.s3_server import KEY, SECRET, rclone
from tests.waiting import until

AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")  # PostgreSQL refuses to run as root
POSTGRES, S3, FAULTY, MODEL, GIT, PREFECT = 5432, 9000, 9001, 8000, 9418, 4200  # ports


@contextmanager
def postgres(host: Host) -> Iterator[str]:
    """PostgreSQL on a host; its URL for the others, without a database. Nothing is fsynced: no test cuts the power."""
    host.run("install", "-d", "-o", str(NOBODY), f"{HERE}/postgres")
    place = f"{HERE}/postgres/data"
    host.run(*AS_NOBODY, binary("initdb") or "initdb", "-D", place, "-A", "trust", "-U", "rollmill", "-N")
    with (host.disk / "postgres/data/pg_hba.conf").open("a") as rules:
        rules.write("host all all 10.77.0.0/24 trust\n")
    options = ("-c", "listen_addresses=*", "-c", f"unix_socket_directories={HERE}/postgres", "-c", "fsync=off")
    command = (*AS_NOBODY, binary("postgres") or "postgres", "-D", place, "-p", str(POSTGRES), *options)
    with served(host, host.serve("postgres", *command), "postgres", POSTGRES):
        yield f"postgresql://rollmill@{host.name}"


def database(host: Host, name: str) -> None:
    """Make a database at the PostgreSQL of a host."""
    host.run(binary("createdb") or "createdb", "-h", f"{HERE}/postgres", "-U", "rollmill", name)


@contextmanager
def s3(host: Host) -> Iterator[dict[str, str]]:
    """rclone's S3 server on a host; the variables by which the others find it."""
    (host.disk / "data").mkdir(exist_ok=True)
    keys = ("--config", "", "--addr", f"0.0.0.0:{S3}", "--auth-key", f"{KEY},{SECRET}")
    with served(host, host.serve("s3", rclone(), "serve", "s3", f"{HERE}/data", *keys), "s3", S3):
        yield {
            "AWS_ENDPOINT_URL": f"http://{host.name}:{S3}",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@contextmanager
def model(host: Host, delay: float = 0.02) -> Iterator[Path]:
    """The scripted model server on a host; the file with a line for each request that it was asked."""
    log = host.disk / "asked"
    serving = ("tests.pipelines.generate.http.serving", f"0.0.0.0:{MODEL}", f"{HERE}/asked", str(delay))
    with served(host, host.serve("model", sys.executable, "-m", *serving), "model", MODEL):
        yield log


@contextmanager
def served(host: Host, server: "subprocess.Popen[str]", name: str, port: int) -> Iterator[None]:
    """Until the block ends, once the server listens at its port of the host."""
    with server:
        try:
            answers = until(lambda: server.poll() is not None or listens(host, port), 240)
            assert answers, f"{name} does not listen at {host.name}"
            assert server.poll() is None, (host.disk / f"{name}.log").read_text()
            yield
        finally:
            server.kill()


def listens(host: Host, port: int) -> bool:
    """Whether a port of a host listens, seen by the kernel's table of that host."""
    table = Path(f"/proc/{host.pid}/net/tcp").read_text() + Path(f"/proc/{host.pid}/net/tcp6").read_text()
    return any(f":{port:04X} " in line and line.split()[3] == "0A" for line in table.splitlines())


@contextmanager
def faulty_s3(host: Host) -> Iterator[tuple[str, Path]]:
    """A proxy in front of a host's S3: its address for the others, and the file that tells it how to fail."""
    file = host.disk / "faults"
    command = ("-m", "tests.hosts.faulty_proxy", str(FAULTY), str(S3), f"{HERE}/faults")
    with served(host, host.serve("proxy", sys.executable, *command), "proxy", FAULTY):
        yield f"http://{host.name}:{FAULTY}", file


@contextmanager
def git_server(host: Host) -> Iterator[str]:
    """git's own server of the repositories below the folder `git` of a host, which takes pushes; its URL for the others."""
    (host.disk / "git").mkdir(exist_ok=True)
    command = ("git", "daemon", f"--base-path={HERE}/git", "--export-all", "--enable=receive-pack", "--reuseaddr")
    with served(host, host.serve("git", *command, f"--port={GIT}"), "git", GIT):
        yield f"git://{host.name}"


@contextmanager
def prefect(host: Host) -> Iterator[str]:
    """Prefect's own server on a host, as a user starts one; the address of its API for the others."""
    command = (sys.executable, "-m", "prefect", "server", "start", "--host", "0.0.0.0", "--port", str(PREFECT))
    home = {"PREFECT_HOME": f"{HERE}/prefect", **QUIET}
    with served(host, host.serve("prefect", *command, **home), "prefect", PREFECT):
        yield f"http://{host.name}:{PREFECT}/api"

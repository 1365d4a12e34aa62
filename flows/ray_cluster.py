"""Verification on Ray, for profiles with `ray`: verifiers in Ray's workers, each part of a batch a Prefect task.

Goes through prefect-ray's task runner: a standing Prefect server shows the tasks. Where a verifier judges changes no
verdict, so rows are those of a run without Ray. A verifier that asks models stays in this process, because all sampling has
one path; items that are judged one by one after a failure are judged here too.
"""

import json
import logging
import os
import pickle
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from rollmill.flows.recipe.methods import MethodSpec, parameters, resolve
from rollmill.ground.errors import RollmillError, SetupError, Unavailable
from rollmill.ground.ids import canonical_json
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.processes.local_server import new_secret
from rollmill.pipelines.processes.spawn import python_path
from rollmill.roles.protocols import ExplainsRules, RuledVerifier, Verifier

if TYPE_CHECKING:
    from rollmill.flows.recipe.profile import RayPart

Items = Sequence[tuple[Problem, Completion]]
# Prefect reads settings in the folder where it is imported, and one of them runs a command: neither here nor in a worker.
WITHOUT_SETTINGS = "rollmill.flows.prefect.untrusted.read_no_settings_of_folders"
STORE_BYTES = 256 << 20  # of a local cluster's object store; parts of batches are small


class RayCluster:
    """Prefect's task runner for Ray: connected, or a local cluster started, when the first batch is judged.

    Its processes die with the thread that started them (the kernel's doing), so that is one of its own.
    """

    def __init__(self, part: "RayPart") -> None:
        resolve_name(WITHOUT_SETTINGS)()
        self._part = part
        self._thread = ThreadPoolExecutor(1, "rollmill-ray")
        self._runner: Future[Any] | None = None

    def judge(self, method: MethodSpec, version: str, items: Items) -> Iterator[Verdict]:
        """The verdicts on these items, in their order. `version`: version of the verifier in this process."""
        self._runner = self._runner or self._thread.submit(_entered, self._part)
        runner, judged = self._runner.result(), _task()
        base = "" if method.base is None else str(method.base.resolve())
        named = (method.name, canonical_json(method.canonical()["options"]), base, version)
        parts = [items[start : start + self._part.rows] for start in range(0, len(items), self._part.rows)]
        futures = [runner.submit(judged, {"method": named, "items": pickle.dumps(part)}) for part in parts]
        for future in futures:
            yield from _verdicts(future, self._part.address)

    def close(self) -> None:
        """End a local cluster, or disconnect; safe to call twice."""
        runner, self._runner = self._runner, None
        if runner is not None and runner.exception() is None:
            self._thread.submit(runner.result().__exit__, None, None, None).result()
        self._thread.shutdown()


class RayVerifier:
    """A verifier that judges batches on Ray and single items here."""

    def __init__(self, method: MethodSpec, cluster: RayCluster, here: Verifier) -> None:
        self._method, self._cluster, self._here = method, cluster, here
        self.name, self.version = here.name, here.version
        self.rules = here.rules if isinstance(here, RuledVerifier) else ()
        self.words = here.words if isinstance(here, ExplainsRules) else {}

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        return self._here.verify(problem, completion)

    def verify_many(self, items: Iterable[tuple[Problem, Completion]]) -> Iterator[Verdict]:
        return self._cluster.judge(self._method, self.version, list(items))

    def close(self) -> None:
        self._here.close()


def on_ray(method: MethodSpec, cluster: RayCluster, settings: dict[str, Any]) -> Verifier:
    """The verifier of a method, on Ray unless it asks models, reads votes or is made of other methods."""
    here: Verifier = method.build(**settings)
    stays = method.parts or {"samplers", "http", "cast"} & parameters(method.cls).keys()
    return here if stays else RayVerifier(method, cluster, here)


def judge_part(method: tuple[str, str, str, str], items: bytes) -> bytes:
    """Task of a Ray worker: the verdicts on some items, or the verifier's exception, pickled."""
    verifier = _verifier(*method)
    try:
        return pickle.dumps(list(verifier.verify_many(pickle.loads(items))))  # noqa: S301
    except Exception as error:
        return pickle.dumps(f"{type(error).__name__}: {error}")


def _verdicts(future: Any, address: str | None) -> list[Verdict]:
    """Verdicts of a task. RuntimeError if its verifier raised: its items are then judged one by one, as without Ray."""
    try:
        reply: list[Verdict] | str = pickle.loads(future.result())  # noqa: S301 (our own rows, from our own cluster)
    except RollmillError:
        raise
    except Exception as error:
        prefect = "" if address is None else f", whose nodes must reach Prefect's server ({os.environ['PREFECT_API_URL']})"
        raise Unavailable(
            f"Ray did not judge: {' '.join(str(error).split())[:200]} ({type(error).__name__}).",
            next_command=f"look after the cluster{prefect}, or leave `ray` out of the profile; what was drawn is kept",
        ) from error
    if isinstance(reply, str):
        raise RuntimeError(reply)
    return reply


@lru_cache(maxsize=8)
def _verifier(name: str, options: str, base: str, version: str) -> Verifier:
    """Verifier of a worker for one method, cached with the one process that it starts."""
    built: Verifier = resolve("verifier", name, json.loads(options), base=Path(base)).build(workers=1)
    if built.version != version:
        raise SetupError(
            f"verifier {name!r} is {version} here and {built.version} on the Ray cluster.",
            next_command="install this version of Rollmill, and the recipe's own files, on its nodes",
        )
    return built


@lru_cache(maxsize=1)
def _task() -> Any:
    """`judge_part` as a Prefect task. Ray itself repeats the tasks of a lost worker."""
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    return task(name="verify", cache_policy=NO_CACHE, persist_result=False)(judge_part)


def _entered(part: "RayPart") -> Any:
    """The runner of prefect-ray at work; SetupError if it is not installed, or without a Prefect server."""
    if "PREFECT_API_URL" not in os.environ:
        raise SetupError("a profile with `ray` records its tasks with Prefect.", next_command="run it with --prefect")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        from prefect_ray.task_runners import RayTaskRunner
    except ImportError:
        raise SetupError("Ray is not installed.", next_command="pip install 'rollmill[ray]' (or prefect-ray)") from None
    logging.getLogger("ray").setLevel(logging.ERROR)
    hook = {"worker_process_setup_hook": WITHOUT_SETTINGS}
    settings: dict[str, Any] = {"log_to_driver": False, "configure_logging": False, "runtime_env": hook}
    if part.address is None:
        # Ray listens on every interface, and whoever reaches it runs code: its processes ask for a secret of this start.
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": new_secret()}
        os.environ["PYTHONPATH"] = python_path(os.environ.get("PYTHONPATH"))  # which the workers inherit
        settings |= {"num_cpus": part.cpus, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    return RayTaskRunner(address=part.address, init_kwargs=settings).__enter__()

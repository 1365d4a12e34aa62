"""The local servers of one command: started when somebody wants to draw, ended with the command. Knows no recipe."""

import threading
from collections.abc import Sequence

from pipelines.generate.calls import Interrupted
from pipelines.generate.http.settings import Lost, Server
from pipelines.generate.serving.child import check_port
from pipelines.generate.serving.keep import POLL, Kept, Restarts, Tell
from pipelines.generate.serving.settings import LocalModel


class LocalServers:
    """Every model that a profile has served here. Nothing is started before `serving` asks for it."""

    def __init__(self, models: Sequence[LocalModel], tell: Tell = lambda _: None) -> None:
        self._models = {model.name: model for model in models}
        self._tell = tell
        self._kept: dict[str, list[Kept]] = {}
        self._changed = threading.Condition()
        self._given_up = 0
        self._closed = False

    @property
    def names(self) -> tuple[str, ...]:
        """The models, as requests call them."""
        return tuple(self._models)

    def patience(self, model: str) -> float:
        """Seconds that the servers of this model may be away because they are being started again."""
        return 1.5 * self._models[model].start_seconds

    def serving(self, model: str, lost: Lost) -> tuple[Server, ...]:
        """The replicas of a model, started unless they are, as soon as one of them answers; the others join by themselves.

        `lost` is told when the last of them is gone for good. SetupError where one cannot be started, Interrupted after
        `interrupt`.
        """
        with self._changed:
            given_up = self._given_up
            kept = self._begun(self._models[model])
            while not any(one.was_up and one.error is None for one in kept):
                for error in (one.error for one in kept if one.error):
                    raise error
                if self._given_up != given_up or self._closed:
                    raise Interrupted("interrupted")
                self._changed.wait(POLL)
            for one in kept:
                one.listeners.append(lost)
            return tuple(one.server() for one in kept)

    def interrupt(self) -> None:
        """Make everybody who waits for a start give up; the start itself goes on until `close`."""
        with self._changed:
            self._given_up += 1
            self._changed.notify_all()

    def close(self) -> None:
        """End every server and wait until it has ended; safe to call twice."""
        with self._changed:
            self._closed = True
            kept = [one for group in self._kept.values() for one in group]
            self._kept = {}
            self._changed.notify_all()
        for one in kept:
            one.over.set()
        for one in kept:
            one.thread.join()

    def _begun(self, model: LocalModel) -> list[Kept]:
        if model.name not in self._kept:
            model.check()
            for port in range(model.port, model.port + model.replicas) if model.port else ():
                check_port(port)
            restarts = Restarts(model.restarts)
            group = [Kept(model, number, restarts, self._changed, self._tell) for number in range(model.replicas)]
            for one in group:
                one.group = group
                one.thread.start()
            self._kept[model.name] = group
        return self._kept[model.name]

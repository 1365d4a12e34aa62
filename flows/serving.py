"""The model servers of a session: where their logs lie, and how their event reach who watches. Starts nothing by itself."""

from typing import TYPE_CHECKING

from flows.progress import Progress, Stage
from flows.recipe.serve import local_models

if TYPE_CHECKING:
    from flows.recipe import Profile
    from pipelines.generate.serving import LocalServers
    from pipelines.generate.serving.local_servers import ServerEvent
    from storage.workspace import Workspace

SAID = 60  # letters of a log line beside the bar


def local_servers(profile: "Profile", workspace: "Workspace", progress: Progress, messages: list[str]) -> "LocalServers":
    """What the profile's `serve` wants, ready to be started; news of a lost server is added to `messages`."""
    from pipelines.generate.serving import LocalServers

    models = local_models(profile.serve, profile.servers, workspace.root, workspace.state / "logs")

    def tell(event: "ServerEvent") -> None:
        if event.state in ("restarting", "lost") and not event.seconds:
            messages.append(f"the model server {event.name} {event.said}; {workspace.state / 'logs'} has its log")
        if event.state != "ended":
            progress.tell(_stage(event))

    return LocalServers(models, tell)


def _stage(event: "ServerEvent") -> Stage:
    detail = {"said": f"{event.name}: {event.said}"[:SAID] if event.said else event.name, "state": event.state}
    return Stage("serve", int(event.state == "up"), 1, seconds=event.seconds, detail=detail)

"""The model servers of a session: where their logs lie, and how their news reach who watches. Starts nothing by itself."""

from typing import TYPE_CHECKING

from flows.progress import Progress, Stage
from flows.recipe.serve import local_models

if TYPE_CHECKING:
    from flows.recipe import Profile
    from pipelines.generate.serving import LocalServers
    from pipelines.generate.serving.keep import News
    from storage.workspace import Workspace

SAID = 60  # letters of a log line beside the bar


def local_servers(profile: "Profile", workspace: "Workspace", progress: Progress, messages: list[str]) -> "LocalServers":
    """What the profile's `serve` wants, ready to be started; news of a lost server is added to `messages`."""
    from pipelines.generate.serving import LocalServers

    models = local_models(profile.serve, profile.servers, workspace.root, workspace.state / "logs")

    def tell(news: "News") -> None:
        if news.state in ("restarting", "lost") and not news.seconds:
            messages.append(f"the model server {news.name} {news.said}; {workspace.state / 'logs'} has its log")
        if news.state != "ended":
            progress.tell(_stage(news))

    return LocalServers(models, tell)


def _stage(news: "News") -> Stage:
    detail = {"said": f"{news.name}: {news.said}"[:SAID] if news.said else news.name, "state": news.state}
    return Stage("serve", int(news.state == "up"), 1, seconds=news.seconds, detail=detail)

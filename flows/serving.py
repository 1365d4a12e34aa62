"""The model servers of a session: where their logs lie, and how their news reach who watches. Starts nothing by itself."""

from typing import TYPE_CHECKING

from flows.progress import Stage
from flows.recipe.serve import local_models

if TYPE_CHECKING:
    from flows.session import Session
    from pipelines.generate.serving import LocalServers
    from pipelines.generate.serving.keep import News

SAID = 60  # letters of a log line beside the bar


def local_servers(opened: "Session") -> "LocalServers":
    """What the profile's `serve` wants, ready to be started."""
    from pipelines.generate.serving import LocalServers

    profile, workspace = opened.profile, opened.workspace
    models = local_models(profile.serve, profile.servers, workspace.root, workspace.state / "logs")

    def tell(news: "News") -> None:
        if news.state in ("restarting", "lost") and not news.seconds:
            opened.messages.append(f"the model server {news.name} {news.said}; {workspace.state / 'logs'} has its log")
        if news.state != "ended":
            opened.progress.tell(_stage(news))

    return LocalServers(models, tell)


def _stage(news: "News") -> Stage:
    detail = {"said": f"{news.name}: {news.said}"[:SAID] if news.said else news.name, "state": news.state}
    return Stage("serve", int(news.state == "up"), 1, seconds=news.seconds, detail=detail)

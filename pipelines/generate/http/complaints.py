"""What is said to a person when a server cannot be worked with: server, error, what is kept, the next command. No secrets.

Knows failures and replicas; decides nothing.
"""

from collections.abc import Sequence

from pipelines.generate.http.failures import Failure
from pipelines.generate.http.replicas import Replica
from pipelines.generate.http.settings import Secrets
from storage.errors import SetupError

KEPT = "every reply received is kept"
AGAIN = "the same command again, which asks only for what is missing"


class Complaints:
    """Builds the errors that end a command."""

    def __init__(self, model: str, secrets: Secrets) -> None:
        self._model, self._secrets = model, secrets
        self.served: dict[str, tuple[str, ...]] = {}

    def about(self, replica: Replica, failure: Failure, tried: int) -> SetupError:
        """A failure that will not pass, or did not pass in `tried` attempts."""
        name = replica.name
        if failure.status in (401, 403):
            variable = replica.server.key_env
            mend = f"put a valid key into {variable}" if variable else "name its key's variable in the profile: key_env"
            return self._error(f"{name} refuses the key", failure, mend)
        if failure.status == 404:
            return self._unknown_model(replica, failure)
        if failure.kind == "tls":
            mend = "mend its address, or name its certificate authority in the profile (ca_file, a PEM file beside it)"
            return self._error(f"{name} is not believed to be itself", failure, mend)
        if failure.after is not None:
            return self._error(f"{name} asks to wait {failure.after:,.0f} seconds", failure, "wait")
        if failure.again:
            return self._error(f"{name} failed {tried} times for one request, the last time", failure, "look at its log")
        return self._error(f"{name} refuses the request", failure, "mend generate in the recipe or the server")

    def not_listed(self, replica: Replica, served: Sequence[str]) -> SetupError:
        """The model is not among those that a server names."""
        return SetupError(
            f"{replica.name} does not serve {self._model!r}.",
            choices=served[:20],
            next_command="name one of them in generate.model, or set listed: false for this server in the profile",
        )

    def dark(self, replicas: Sequence[Replica], seconds: float) -> SetupError:
        """No server answers."""
        said = "; ".join(f"{replica.name} ({self._clean(replica.why or 'no answer')})" for replica in replicas)
        return SetupError(
            f"no server has answered for {seconds:,.0f} seconds: {said}; {KEPT}.", next_command=f"start it, then {AGAIN}"
        )

    def _unknown_model(self, replica: Replica, failure: Failure) -> SetupError:
        served = self.served.get(replica.name, ())
        if served and self._model not in served:
            return self.not_listed(replica, served)
        mend = "check generate.model in the recipe and the server's url in the profile (it usually ends in /v1)"
        return self._error(f"{replica.name} does not know the model {self._model!r} or the path", failure, mend)

    def _error(self, what: str, failure: Failure, mend: str) -> SetupError:
        said = self._clean(str(failure)).rstrip(". ")
        return SetupError(f"{what} ({said}); {KEPT}.", next_command=f"{mend}, then {AGAIN}")

    def _clean(self, text: str) -> str:
        return " ".join(self._secrets.hide(text).split())

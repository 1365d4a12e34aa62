"""Shows whether anything of a row ran: a file that appears, a connection on loopback, a secret.

A fresh folder holds one path per row. A listener on 127.0.0.1 notes who connects: the token a row's payload would send, or
else the row that was being judged. What happens late (a daemon left behind) is found when the run ends.
"""

import secrets
import shutil
import socket
import tempfile
import threading
from pathlib import Path

_READ_SECONDS = 0.5


class Canary:
    """A folder, a listener and a secret for one run; use it in a `with`. `work` is where the verifier may leave files."""

    def __init__(self) -> None:
        self.secret = secrets.token_hex(12)
        # Hex letters and digits only: normalisers that drop spaces, underscores or capitals leave this path whole.
        self.folder = Path(tempfile.gettempdir()) / f"rm{secrets.token_hex(6)}"
        self.work = self.folder / "work"
        self.current = -1
        self._connected: set[int] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._listen, name="rollmill-canary", daemon=True)

    def __enter__(self) -> "Canary":
        self.folder.mkdir(mode=0o700)
        self.work.mkdir()
        (self.folder / "secret").write_text(self.secret)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.close()
        with socket.socket() as knock:  # wakes the blocked accept
            knock.settimeout(_READ_SECONDS)
            knock.connect_ex(("127.0.0.1", self.port))
        self._thread.join(timeout=5)
        shutil.rmtree(self.folder, ignore_errors=True)

    def marks(self, index: int) -> dict[str, str]:
        """What replaces the marks in row `index`, which from now on is the one being judged."""
        self.current = index
        return {
            "@FILE@": str(self.folder / f"c{index}"),
            "@PORT@": str(self.port),
            "@TOKEN@": f"t{index}t",
            "@SECRET@": self.secret,
        }

    def triggered(self, index: int) -> tuple[str, ...]:
        """What of a row has run so far: "file", "connection"."""
        file = (self.folder / f"c{index}").exists()
        return (*(("file",) if file else ()), *(("connection",) if index in self._connected else ()))

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._connected.add(self._sender(connection))

    def _sender(self, connection: socket.socket) -> int:
        """The row whose token was sent; a payload that sends none is taken for the current row."""
        connection.settimeout(_READ_SECONDS)
        try:
            received = connection.recv(1_000).decode("ascii", "replace")
        except OSError:
            received = ""
        words = received.replace("/", " ").split()
        tokens = [word for word in words if word[:1] == word[-1:] == "t" and word[1:-1].isdigit()]
        return int(tokens[0][1:-1]) if tokens else self.current

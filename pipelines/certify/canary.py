"""Shows whether anything of a row ran: a file that appears, a connection on loopback, a secret. Knows no verifier.

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

    def sprung(self, index: int) -> tuple[str, ...]:
        """What of a row has run so far: "file", "connection"."""
        found = []
        if (self.folder / f"c{index}").exists():
            found.append("file")
        if index in self._connected:
            found.append("connection")
        return tuple(found)

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._connected.add(self._who(connection))

    def _who(self, connection: socket.socket) -> int:
        """The row whose token was sent; a payload that sends none is taken for the current row."""
        connection.settimeout(_READ_SECONDS)
        try:
            said = connection.recv(1_000).decode("ascii", "replace")
        except OSError:
            said = ""
        tokens = [part for part in said.replace("/", " ").split() if part[:1] == part[-1:] == "t" and part[1:-1].isdigit()]
        return int(tokens[0][1:-1]) if tokens else self.current

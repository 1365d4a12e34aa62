"""A proxy in front of S3 that fails as a file tells it: python -m tests.hosts.faulty_proxy PORT TARGET_PORT FILE

The file is one line and is read at every piece of data: nothing (data passes), `slow:BYTES` (at most so many a second and
connection), `status:503` (each request is answered with it), `cut:NUMBER` (so many uploads in all lose their connection in
the middle), `silent` (data is taken and nothing said).
"""

import asyncio
import sys
from pathlib import Path

PIECE = 4096


class Proxy:
    """Passes connections on to a port of this host."""

    def __init__(self, target: int, file: Path) -> None:
        self.target, self.file, self.cuts = target, file, 0

    def told(self) -> tuple[str, int]:
        """What to do now, and its number."""
        what, _, number = (self.file.read_text().strip() if self.file.exists() else "").partition(":")
        return what, int(number or 0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, to its end."""
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        ways = [asyncio.create_task(self.pass_on(reader, back, writer)), asyncio.create_task(self.pass_on(there, writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for end in (writer, back):
            end.transport.abort()

    async def pass_on(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, client: asyncio.StreamWriter | None = None
    ) -> None:
        """One direction; `client`: who sends, in the direction of requests."""
        upload = 0
        while piece := await source.read(PIECE):
            what, number = self.told()
            if what == "silent":
                continue
            if client is not None and what == "status":
                client.write(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % number)
                await client.drain()
                return
            upload = upload + len(piece) if upload or piece.startswith(b"PUT ") else 0
            if client is not None and what == "cut" and upload > PIECE and self.cuts < number:
                self.cuts += 1
                target.write(piece[: len(piece) // 2])
                await target.drain()
                return
            if what == "slow":
                await asyncio.sleep(len(piece) / number)
            target.write(piece)
            await target.drain()


async def main() -> None:
    """Serve until killed."""
    proxy = Proxy(int(sys.argv[2]), Path(sys.argv[3]))
    server = await asyncio.start_server(proxy.serve, "0.0.0.0", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

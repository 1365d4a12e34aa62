"""An OpenAI-compatible server that costs next to nothing: zero_server.py [DELAY] prints its port; GET /count counts.

Plain asyncio, standard library only, so that any interpreter runs it. Each answer is a short sum with its usage.
"""

import asyncio
import json
import sys

DELAY = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0
served = [0]
TEXT = "We add both numbers and write the result down. The answer is 4."
USAGE = {"prompt_tokens": 12, "completion_tokens": 16, "total_tokens": 28}


def reply(model: str) -> bytes:
    """A chat completion."""
    message = {"role": "assistant", "content": TEXT}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    head = {"id": "chatcmpl-0", "object": "chat.completion", "created": 0, "model": model}
    return json.dumps({**head, "choices": [choice], "usage": USAGE}).encode()


def framed(body: bytes) -> bytes:
    """With its head."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    return head + body


TOY = framed(reply("toy"))
MODELS = framed(json.dumps({"object": "list", "data": [{"id": "toy", "object": "model"}]}).encode())


class Connection(asyncio.Protocol):
    """Reads whole requests and answers each in turn."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = transport
        self.data = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            head = self.data[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.data) < end + 4 + length:
                return
            self.data = self.data[end + 4 + length :]
            self.answer(head)

    def answer(self, head: bytes) -> None:
        """Models, the count, or a completion after the delay."""
        if head.startswith(b"get"):
            self.send(framed(str(served[0]).encode()) if b"/count" in head.split(b"\r\n", 1)[0] else MODELS)
            return
        served[0] += 1
        if DELAY:
            asyncio.get_running_loop().call_later(DELAY, self.send, TOY)
        else:
            self.send(TOY)

    def send(self, data: bytes) -> None:
        """Unless the client has gone."""
        if not self.transport.is_closing():
            self.transport.write(data)  # type: ignore[attr-defined]


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

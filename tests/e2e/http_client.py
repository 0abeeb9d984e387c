"""HTTP over asyncio's streams: one request, one answer, and nothing sent twice."""

import asyncio
from dataclasses import dataclass

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class HttpClient:
    """Keeps its connection for as long as the server does, or opens one for each request.

    Parameters
    ----------
    port : int
        On loopback.
    keeps : bool
    """

    def __init__(self, port: int, *, keeps: bool) -> None:
        self._port = port
        self._keeps = keeps
        self._streams: Streams | None = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        wanted = "keep-alive" if self._keeps else "close"
        head = f"{method} {path} HTTP/1.1\r\nhost: model\r\nconnection: {wanted}\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        answer = Answer(int(status.split()[1]), headers, await reader.readexactly(int(headers["content-length"])))
        if headers.get("connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

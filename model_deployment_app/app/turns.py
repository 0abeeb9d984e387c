"""HTTP/1.1 as uvicorn speaks it, read in turns: however many requests a client sends at once, others are answered."""

import asyncio
from collections.abc import Callable

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Of what one client has sent, so much is read before the others have their turn: as requests, it may be hundreds.
TURN_BYTES = 8192


class HeadTooLarge(Exception):
    """Stops the parser."""


class TurnsProtocol(HttpToolsProtocol):
    """One connection.

    What comes is not read on while there are requests that wait for their turn: as bytes, they are a tenth as large.

    Attributes
    ----------
    is_deaf : bool
        Nothing that comes is read any more.
    """

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self._unread = b""
        self._has_ended = False
        self._is_upgrade = False
        self.is_deaf = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = _Flow(transport, lambda: bool(self._unread or self.pipeline))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # What has been answered must not last as long as this object, which lasts until somebody looks for garbage.
        self.cycle = None  # type: ignore[assignment]
        self.pipeline.clear()
        self._unread = b""

    def data_received(self, data: bytes) -> None:
        if self._unread:
            self._unread += data
        else:
            self._read(data)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._unread:
            self.loop.call_soon(self._read_on)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._is_upgrade = True
        else:
            self.on_head()

    def on_message_complete(self) -> None:
        if not self._is_upgrade:
            self._has_ended = True
            self.on_end()

    # What comes of a request. The parser calls `on_body` for each part of the body, as it is.

    def on_head(self) -> None:
        super().on_headers_complete()

    def on_end(self) -> None:
        super().on_message_complete()

    def read_part(self, data: bytes) -> None:
        """Have the parser read *data*, which may hold the ends of requests, and whole ones."""
        self._unset_keepalive_if_required()
        self._parse(data)

    def _read(self, data: bytes) -> None:
        """Read *data* up to where the others have their turn."""
        for start in range(0, len(data), TURN_BYTES):
            if self.is_deaf or self.transport.is_closing():
                return
            self._has_ended = False
            self.read_part(data[start : start + TURN_BYTES])
            if self._has_ended and start + TURN_BYTES < len(data):
                self._unread = data[start + TURN_BYTES :]
                self.flow.pause_reading()
                self.loop.call_soon(self._read_on)
                return

    def _read_on(self) -> None:
        """Read what was left, once no request waits for its turn."""
        if self._unread and not self.pipeline:
            data, self._unread = self._unread, b""
            self._read(data)
            if not self.transport.is_closing():
                self.flow.resume_reading()

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            # What one of our own methods has raised, if one has.
            cause = error.__context__
            if not isinstance(cause, HeadTooLarge | httptools.HttpParserError | ValueError | None):
                self.logger.error("a request could not be read", exc_info=cause)
            self.send_400_response("Invalid HTTP request received.")

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Read a request again, as if it asked for no other protocol: the parser has taken *rest* for one.

        References
        ----------
        RFC 9110, section 7.8: a server may ignore the header.
        """
        if not self._is_upgrade:  # CONNECT, which is answered; what follows is no HTTP
            self.cycle.keep_alive = False
            self.is_deaf = True
            return
        self._is_upgrade = False
        version = self.parser.get_http_version().encode()
        head = [b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version)]
        head += [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does, for pipelined requests
        self._parse(b"".join((*head, b"\r\n", rest)))


class _Flow(FlowControl):
    """Reads no more of a connection while it *is_behind*, whoever asks for it."""

    def __init__(self, transport: asyncio.Transport, is_behind: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._is_behind = is_behind

    def resume_reading(self) -> None:
        if not self._is_behind():
            super().resume_reading()

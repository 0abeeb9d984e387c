"""HTTP/1.1 as uvicorn speaks it, with an end to clients that are too slow, and to heads that are too large."""

import asyncio
from enum import Enum
from typing import Any

from .turns import HeadTooLarge, TurnsProtocol

#: From the first byte of a connection or a request, until its head is whole.
HEAD_S = 10.0
#: While a body is on its way, so often at least so many bytes must come: 2 kB/s.
BODY_S = 30.0
BODY_BYTES = 65_536

#: While an answer is on its way, so often at least a byte of it must go.
ANSWER_S = 30.0

#: When the server ends, a request of which a part has come has so long for the rest of its head.
LAST_HEAD_S = 1.0

#: After a refusal, what is still coming is thrown away for so long.
LINGER_S = 1.0

#: Of the address and all headers of a request.
MAX_HEAD_BYTES = 65_536
MAX_HEADERS = 256

#: Of a body that was refused before it had come, as much is read and thrown away: a client that is still sending would
#: not see the answer to a connection that is closed under it.
MAX_DISCARDED_BYTES = 256 * 2**20


class _Awaited(Enum):
    HEAD = "the head of a request"
    BODY = "its body"


class GuardedProtocol(TurnsProtocol):
    """One connection.

    No timer is started for a request that comes whole, as nearly all do.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._awaited: _Awaited | None = _Awaited.HEAD
        self._timed: _Awaited | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None
        self._unsent_bytes = 0
        self._head_bytes = 0
        self._unparsed_bytes = 0
        self._has_begun = False
        self._body_bytes = 0
        self._discarded_bytes = 0
        self._is_head_too_large = False
        self._is_last = False
        self._before: Any = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._awaited = None
        self._watch()
        self._stop_answer_timer()
        super().connection_lost(exc)
        self._before = None

    def read_part(self, data: bytes) -> None:
        was_head, self._has_begun = self._awaited is _Awaited.HEAD, False
        super().read_part(data)
        if was_head and self._awaited is _Awaited.HEAD and not self._has_begun:
            # The parser tells of a header once it is whole, and copies what it has of it with every piece.
            self._unparsed_bytes += len(data)
            if self._unparsed_bytes > MAX_HEAD_BYTES:
                self._is_head_too_large = True
                self.send_400_response("")
        self._watch()
        if self._awaited is _Awaited.BODY:
            self.cycle.transport = self  # type: ignore[assignment]  # an answer may come before the end of the body
        is_idle = self._awaited is None and not self._is_answering() and not self.is_deaf
        if is_idle and self.timeout_keep_alive_task is None:
            # uvicorn does so with an answer, and takes it back with any byte: with a blank line, or the end of a body
            # that nobody has waited for.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._has_begun = True
        self._awaited = _Awaited.HEAD
        self._head_bytes = 0
        self._unparsed_bytes = 0
        self._discarded_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value))
        # Those behind the body are not the head's: whoever has let this request pass has not seen them.
        if self._awaited is not _Awaited.BODY:
            super().on_header(name, value)

    def on_head(self) -> None:
        self._awaited = _Awaited.BODY
        if self.expect_100_continue and self.parser.get_http_version() == "1.0":
            self.expect_100_continue = False
        if not self._is_last:
            self._before = self.cycle
            self.begin_cycle()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self.cycle.response_complete:
            self._discarded_bytes += len(body)
            if self._discarded_bytes > MAX_DISCARDED_BYTES:
                self.transport.close()
                return
        self.take_body(body)

    def on_end(self) -> None:
        self._awaited = None
        self.end_body()
        if self._is_last:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        if self._awaited is _Awaited.BODY and self.pipeline:
            # It has not been begun, and nobody will: those before it are answered.
            self.pipeline.popleft()
            self.cycle, self._awaited = self._before, None
        if self._awaited is not _Awaited.BODY and self._is_answering():
            # To a client, what is written now would be the answer that it waits for.
            self.cycle.keep_alive = False
            self.is_deaf = True
        elif self._is_head_too_large:
            self._refuse(b"431 Request Header Fields Too Large", b"the address and the headers are too large")
        else:
            self._refuse(b"400 Bad Request", msg.encode())

    def pause_writing(self) -> None:
        super().pause_writing()
        self._time_answer()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_answer_timer()

    def shutdown(self) -> None:
        if self._timed is _Awaited.HEAD and not self._is_answering():
            # A request is on its way. Its answer closes the connection, as all do by now.
            assert self._timer is not None
            self._timer.cancel()
            self._timer = self.loop.call_later(LAST_HEAD_S, self._give_up_head)
        else:
            super().shutdown()

    # What is done about a request; its head and the parts of its body have been counted.

    def begin_cycle(self) -> None:
        super().on_head()

    def take_body(self, body: bytes) -> None:
        super().on_body(body)

    def end_body(self) -> None:
        super().on_end()

    # What a cycle asks of its transport.

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def is_closing(self) -> bool:
        return self.transport.is_closing()

    def close(self) -> None:
        """End the connection, once the client has sent what it is sending: else it would not see the answer."""
        is_sending = self._awaited is _Awaited.BODY and not self._is_answering()
        if is_sending and not self.transport.is_closing():
            self._is_last = True
            self.transport.write_eof()
        else:
            self.transport.close()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _count_head(self, count_bytes: int) -> None:
        self._head_bytes += count_bytes
        if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) >= MAX_HEADERS:
            self._is_head_too_large = True
            raise HeadTooLarge

    def _watch(self) -> None:
        """Time what is awaited, unless that is timed already."""
        if self._awaited is self._timed:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timed = self._awaited
        self._time()

    def _time(self) -> None:
        if self._timed is _Awaited.HEAD:
            self._timer = self.loop.call_later(HEAD_S, self._give_up_head)
        elif self._timed is _Awaited.BODY:
            self._body_bytes = 0
            self._timer = self.loop.call_later(BODY_S, self._see_progress)

    def _give_up_head(self) -> None:
        if self._is_answering():  # and its client, which has begun the next request, waits for us
            self._time()
        else:
            self._refuse(b"408 Request Timeout", b"the request is too slow")

    def _time_answer(self) -> None:
        self._unsent_bytes = self.transport.get_write_buffer_size()
        self._answer_timer = self.loop.call_later(ANSWER_S, self._see_answer)

    def _see_answer(self) -> None:
        if self.transport.get_write_buffer_size() < self._unsent_bytes:
            self._time_answer()
        else:
            self.transport.abort()

    def _stop_answer_timer(self) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None

    def _see_progress(self) -> None:
        # Reading is paused as long as the application does not take what has come.
        if self._body_bytes >= BODY_BYTES or self.flow.read_paused:
            self._time()
        else:
            self.transport.close()

    def _refuse(self, status: bytes, words: bytes) -> None:
        if self.transport.is_closing():
            return
        head = b"HTTP/1.1 %s\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (status, len(words)) + words)
        self.transport.write_eof()
        self.is_deaf = True
        self._awaited = None
        self._watch()
        self.loop.call_later(LINGER_S, self.transport.close)

"""A blob's bytes from an HTTP answer into a partial download, believing no more of the answer than can be checked."""

import re
import time
from dataclasses import dataclass

import requests
import urllib3

from ..errors import ArtifactRejected, ArtifactUnavailable, sized
from ._artifact import mismatch
from ._cache import StartOver
from ._deadline import Deadline
from ._meter import Meter
from ._partial import CHUNK_BYTES, Partial

ALTERED = "look for a proxy that alters it, or publish the artifact again"
#: Python reads no number of more than 4300 digits.
_NUMBER = "[0-9]{1,20}"
CUT = "look for a proxy or a firewall that cuts connections"


@dataclass(frozen=True, slots=True)
class Blob:
    """What a store says of the bytes that it will send; None where it says nothing.

    Attributes
    ----------
    uri, url : str
        In messages; of the bytes themselves.
    generation : int or None
        The pinned one, or else the one that the store names.
    is_pinned : bool
    is_confirmed : bool
        Whether the store has named a generation.
    size_bytes : int or None
    crc32c : str or None
        In Base64.
    encoding : str or None
        ``gzip`` if the bytes were compressed before they were stored.
    """

    uri: str
    url: str
    generation: int | None
    is_pinned: bool
    is_confirmed: bool
    size_bytes: int | None
    crc32c: str | None
    encoding: str | None


def wrong_generation(uri: str, wanted: int | None, given: object) -> ArtifactRejected:
    return ArtifactRejected(
        f"{uri}: config.model.generation is {wanted}, but the store has generation {given}: correct the value if you "
        "meant that one, or publish the artifact again and pin the generation that it gets"
    )


def receive(
    blob: Blob, response: requests.Response, partial: Partial, *, deadline: Deadline, stall_s: float, meter: Meter
) -> str | None:
    """Append the body of *response* to *partial*.

    Parameters
    ----------
    response : Response
        Of status 200 or 206, its body not yet read.

    Returns
    -------
    str or None
        The CRC32C that the whole blob must have, in Base64, where the store tells it.

    Raises
    ------
    StartOver
        If what comes does not continue *partial*.
    ArtifactRejected
        If it is of another generation than the pinned one.
    ArtifactUnavailable
        If it ends too early, or the time does.
    """
    _check_generation(blob, response)
    total_bytes = _check_range(blob, response, partial)
    rest_bytes = None if total_bytes is None else total_bytes - partial.size_bytes
    length = response.headers.get("Content-Length", "")
    encoded = _is_encoded_on_the_way(blob, response, rest_bytes)
    if re.fullmatch(_NUMBER, length) and not encoded:
        if rest_bytes is None:
            total_bytes = partial.size_bytes + int(length)
        elif int(length) != rest_bytes:
            raise _unexpected(blob, response, rest_bytes)
    if total_bytes is not None:
        partial.reserve(total_bytes)
    first_byte, started = partial.size_bytes, time.monotonic()

    def so_far() -> str:
        passed_s = time.monotonic() - started
        speed = sized((partial.size_bytes - first_byte) / max(passed_s, 1e-3))
        of = f" of {sized(total_bytes)}" if total_bytes is not None else ""
        return f"{sized(partial.size_bytes)}{of} came, in {passed_s:.0f} s at {speed}/s"

    with meter(blob.uri, partial.size_bytes, total_bytes) as show:
        try:
            while chunk := response.raw.read1(CHUNK_BYTES, decode_content=encoded):
                partial.write(chunk)
                show(partial.size_bytes)
                if total_bytes is not None and partial.size_bytes > total_bytes:
                    raise StartOver(ArtifactRejected(f"{blob.uri}: more came than {sized(total_bytes)}: {ALTERED}"))
                if not deadline.remaining_s():
                    raise _too_slow(blob, so_far(), deadline)
        except urllib3.exceptions.ReadTimeoutError as error:
            if not deadline.remaining_s():
                raise _too_slow(blob, so_far(), deadline) from error
            raise ArtifactUnavailable(f"{blob.uri}: silence for {stall_s:g} s: {so_far()}: {CUT}") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ArtifactUnavailable(f"{blob.uri}: the connection broke: {so_far()}: {CUT}") from error
    if total_bytes is not None and partial.size_bytes < total_bytes:
        raise ArtifactUnavailable(f"{blob.uri}: the connection ended too early: {so_far()}: {CUT}")
    return blob.crc32c or _crc32c_of(response)


def check(blob: Blob, partial: Partial, *, crc32c: str | None, sha256: str | None) -> None:
    """Compare what has come with every checksum there is.

    Raises
    ------
    StartOver
        If the bytes were altered on their way or on the disk.
    ArtifactRejected
        If the store's own bytes are not those of *sha256*.
    """
    if crc32c not in (None, partial.crc32c):
        raise StartOver(
            ArtifactRejected(
                f"{blob.uri}: damaged on its way twice: its crc32c is {partial.crc32c}, the store says {crc32c}: "
                f"{ALTERED}"
            )
        )
    if sha256 not in (None, partial.sha256):
        refusal = mismatch(blob.uri, sha256=partial.sha256, wanted=str(sha256))
        raise StartOver(refusal) if crc32c is None else refusal


def _check_generation(blob: Blob, response: requests.Response) -> None:
    given = response.headers.get("x-goog-generation")
    if given is None:
        if blob.is_pinned and not blob.is_confirmed:
            raise ArtifactRejected(
                f"{blob.uri}: config.model.generation is {blob.generation}, but the store does not say which it has: "
                "pin config.model.sha256 instead"
            )
    elif blob.generation is not None and given.partition(",")[0].strip() != str(blob.generation):
        if blob.is_pinned:
            raise wrong_generation(blob.uri, blob.generation, given)
        raise StartOver(
            ArtifactUnavailable(
                f"{blob.uri}: the store names generation {blob.generation} and sends {given}: is it being replaced?"
            )
        )


def _check_range(blob: Blob, response: requests.Response, partial: Partial) -> int | None:
    """The size of the whole blob, once it is clear that the answer begins where *partial* ends."""
    if response.status_code != 206:
        if partial.size_bytes:
            partial.restart()  # the store ignores Range
        return blob.size_bytes
    given = response.headers.get("Content-Range", "")
    match = re.fullmatch(rf"bytes\s+({_NUMBER})-{_NUMBER}/({_NUMBER}|\*)", given.strip(), re.IGNORECASE)
    if not match or int(match[1]) != partial.size_bytes:
        raise StartOver(
            ArtifactUnavailable(f"{blob.uri}: the store answered another range than was asked for: {given[:80]!r}")
        )
    size_bytes = None if match[2] == "*" else int(match[2])
    if blob.size_bytes is not None and size_bytes not in (None, blob.size_bytes):
        raise StartOver(
            ArtifactUnavailable(
                f"{blob.uri}: the store names a size of {blob.size_bytes} bytes and sends a part of {size_bytes}: "
                "is it being replaced?"
            )
        )
    return blob.size_bytes if size_bytes is None else size_bytes


def _is_encoded_on_the_way(blob: Blob, response: requests.Response, rest_bytes: int | None) -> bool:
    """Whether something between the store's disk and us has compressed the bytes: they are stored without."""
    if "Content-Encoding" not in response.headers:
        return False
    if stored := response.headers.get("x-goog-stored-content-encoding") or blob.encoding:
        return "gzip" not in stored.lower()
    return rest_bytes is None or response.headers.get("Content-Length") != str(rest_bytes)


def _crc32c_of(response: requests.Response) -> str | None:
    """``x-goog-hash: crc32c=…,md5=…``, in one header or several, in any order."""
    found = re.search(r"crc32c=([A-Za-z0-9+/]{6}==)", response.headers.get("x-goog-hash", ""))
    return found[1] if found else None


def _unexpected(blob: Blob, response: requests.Response, expected_bytes: int) -> ArtifactUnavailable:
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    what = "a web page came" if kind == "text/html" else f"{response.headers['Content-Length']} bytes came"
    return ArtifactUnavailable(
        f"{blob.uri}: {what} where {expected_bytes} bytes were expected: look for a proxy or a login page in between"
    )


def _too_slow(blob: Blob, so_far: str, deadline: Deadline) -> ArtifactUnavailable:
    return ArtifactUnavailable(
        f"{blob.uri}: not done in {deadline.timeout_s:.0f} s: {so_far}: raise config.startupSeconds, or store it nearer"
    )

"""Who may ask: API keys from the environment and from a mounted Secret, known here by their digests alone."""

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .. import mounted
from ..errors import InvalidConfig, PermissionDenied, Unauthenticated
from ..telemetry.metrics import NONE

logger = logging.getLogger(__name__)

Scope = Literal["predict", "admin"]

#: The kubelet takes a minute to bring a changed Secret; a revoked key ends this much later.
REREAD_S = 1.0

#: More than any client sends; hashing a megabyte for everybody who asks would be a gift to them.
_MAX_BYTES = 8192

_HOW = "send Authorization: Bearer KEY, or x-api-key: KEY"


@dataclass(frozen=True, slots=True)
class _Key:
    digest: bytes
    scope: Scope

    @property
    def id(self) -> str:
        return self.digest.hex()[:8]


@dataclass(frozen=True, slots=True)
class _Mounted:
    version: str | None = None
    keys: Sequence[_Key] = ()
    #: Entries that no request can come with, and why.
    unusable: Sequence[str] = ()


class Keys:
    """The keys of one server; with neither an environment's nor a folder's, everybody may predict.

    Parameters
    ----------
    environment : mapping of str to str
        ``API_KEYS`` and ``ADMIN_API_KEYS``: keys, separated by commas.
    folder : Path or None
        A mounted Secret: every entry is a key, for administration if its name begins with ``admin``. Read again when
        it changes. As long as it cannot be read, the keys that were last read hold.
    now : callable
        Seconds.

    Raises
    ------
    InvalidConfig
        If a variable is set but holds no key, or *folder* cannot be read.
    """

    def __init__(
        self, environment: Mapping[str, str], folder: Path | None = None, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._fixed = [
            *_listed("API_KEYS", environment, "predict"),
            *_listed("ADMIN_API_KEYS", environment, "admin"),
        ]
        self._folder = folder
        self._now = now
        self._read_at = now()
        # One attribute, set at once: several threads may ask.
        self._mounted = _Mounted()
        self._trouble: str | None = None
        if self._fixed:
            logger.info("API keys in the environment: %s", _told(self._fixed))
        if folder is not None:
            try:
                self._mounted = _read(folder)
            except OSError as error:
                raise InvalidConfig(
                    f"{folder}: the API keys in this folder cannot be read: {error.strerror}; "
                    "give --api-keys-dir or API_KEYS_DIR the folder of the mounted Secret"
                ) from error
            self._tell()
        if not self.are_asked_for:
            logger.info("no API keys are set: everybody may predict")

    @property
    def are_asked_for(self) -> bool:
        """Whether a request without a key is refused."""
        return bool(self._fixed) or self._folder is not None

    def admit(self, authorization: bytes | None, api_key: bytes | None, scope: Scope) -> str:
        """The id of the key that a request comes with, or `NONE` where none is asked for.

        Parameters
        ----------
        authorization, api_key : bytes or None
            The values of these two headers. The first is looked at if there is nothing in the second: what stands
            before the server may have uses of its own for it.
        scope : {"predict", "admin"}
            What is asked for; a key for administration may predict, too.

        Raises
        ------
        Unauthenticated
            If a key is asked for and none came, or none that is known.
        PermissionDenied
            If the key is not for *scope*, or there are no keys at all and *scope* is administration.
        """
        if not self.are_asked_for:
            if scope == "admin":
                raise PermissionDenied(
                    "no key is configured for administration: set ADMIN_API_KEYS, or auth in the chart"
                )
            return NONE
        presented = (api_key or b"").strip() or _bearer(authorization or b"")
        if not presented:
            raise Unauthenticated(f"an API key is missing: {_HOW}")
        found = self._find(presented) if len(presented) <= _MAX_BYTES else None
        if found is None:
            raise Unauthenticated(f"the API key is not known: {_HOW}")
        if scope == "admin" and found.scope != "admin":
            raise PermissionDenied(f"the API key {found.id} is for predictions, not for administration")
        return found.id

    def _find(self, presented: bytes) -> _Key | None:
        digest = hashlib.sha256(presented).digest()
        is_stale = self._now() - self._read_at >= REREAD_S
        found = self._match(digest, self._reread() if is_stale else self._mounted)
        # It may be newer than what was read.
        return self._match(digest, self._reread()) if found is None and not is_stale else found

    def _match(self, digest: bytes, current: _Mounted) -> _Key | None:
        # All of them: the time taken tells nothing.
        matches = [key for key in (*self._fixed, *current.keys) if hmac.compare_digest(key.digest, digest)]
        return max(matches, key=lambda key: key.scope == "admin", default=None)

    def _reread(self) -> _Mounted:
        before, self._read_at = self._mounted, self._now()
        if self._folder is None:
            return before
        # Cheap: whoever guesses keys makes it happen for every guess.
        if before.version is not None and mounted.version(self._folder) == before.version:
            return before
        try:
            current = _read(self._folder)
        except OSError as error:
            if self._trouble != (trouble := str(error.strerror)):
                self._trouble = trouble
                logger.warning("the API keys in %s cannot be read, those read before hold: %s", self._folder, trouble)
            return before
        self._mounted, self._trouble = current, None
        if (current.keys, current.unusable) != (before.keys, before.unusable):
            self._tell()
        return current

    def _tell(self) -> None:
        logger.info("API keys in %s: %s", self._folder, _told(self._mounted.keys))
        for line in self._mounted.unusable:
            logger.warning("%s/%s", self._folder, line)


def credentials(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes | None, bytes | None]:
    """What the two headers that may hold a key say, as `Keys.admit` takes it; names in lower case.

    Raises
    ------
    Unauthenticated
        If one of them is given twice.
    """
    given = [(name, value) for name, value in headers if name in (b"authorization", b"x-api-key")]
    found = dict(given)
    if len(found) < len(given):
        raise Unauthenticated("Authorization or x-api-key is given twice: send it once")
    return found.get(b"authorization"), found.get(b"x-api-key")


def _bearer(authorization: bytes) -> bytes:
    scheme, key = [*authorization.split(maxsplit=1), b"", b""][:2]
    return key.strip() if scheme.lower() == b"bearer" else b""


def _listed(variable: str, environment: Mapping[str, str], scope: Scope) -> Iterator[_Key]:
    if (text := environment.get(variable)) is None:
        return
    keys = [key.strip() for key in text.encode(errors="surrogateescape").split(b",") if key.strip()]
    if not keys:
        raise InvalidConfig(f"{variable}: expected keys, separated by commas, got none; without it, none is asked for")
    for key in keys:
        yield _key(key, scope)


def _read(folder: Path) -> _Mounted:
    entries = mounted.read(folder)
    keys, unusable = [], []
    for name, content in entries.contents.items():
        key = content.strip()
        if not key:
            unusable.append(f"{name} is empty, and no API key")
        elif len(key) > _MAX_BYTES or set(key) & set(b"\r\n\0"):
            unusable.append(f"{name} is no API key: expected one line of at most {_MAX_BYTES} bytes")
        else:
            keys.append(_key(key, "admin" if name.startswith("admin") else "predict"))
    return _Mounted(entries.version, keys, unusable)


def _key(key: bytes, scope: Scope) -> _Key:
    return _Key(hashlib.sha256(key).digest(), scope)


def _told(keys: Sequence[_Key]) -> str:
    return ", ".join(f"{key.id} ({key.scope})" for key in keys) or "none, so nobody is let in"

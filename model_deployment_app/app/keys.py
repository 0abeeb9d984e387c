"""Who may ask: API keys from the environment and from a mounted Secret, known here by their digests alone."""

import hashlib
import hmac
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import InvalidConfig, PermissionDenied, Unauthenticated
from ..telemetry.metrics import NONE

logger = logging.getLogger(__name__)

Scope = Literal["predict", "admin"]

#: The kubelet takes a minute to bring a changed Secret; a revoked key ends this much later.
REREAD_S = 1.0

_HOW = "send Authorization: Bearer KEY, or x-api-key: KEY"


@dataclass(frozen=True, slots=True)
class _Key:
    digest: bytes
    scope: Scope

    @property
    def id(self) -> str:
        return self.digest.hex()[:8]


class Keys:
    """The keys of one server; with neither an environment's nor a folder's, everybody may predict.

    Parameters
    ----------
    environment : mapping of str to str
        ``API_KEYS`` and ``ADMIN_API_KEYS``: keys, separated by commas.
    folder : Path or None
        A mounted Secret: every entry is a key, for administration if its name begins with ``admin``. Read again when
        it changes. As long as it cannot be read, the keys that were last read hold.

    Raises
    ------
    InvalidConfig
        If a variable is set but holds no key, or *folder* is not there.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path | None = None) -> None:
        self._fixed = [
            *_listed("API_KEYS", environment, "predict"),
            *_listed("ADMIN_API_KEYS", environment, "admin"),
        ]
        self._folder = folder
        self._mounted: list[_Key] = []
        self._seen: object = None
        self._read_at = 0.0
        if folder is not None:
            if not folder.is_dir():
                raise InvalidConfig(f"{folder}: no such folder, API_KEYS_DIR names the mounted Secret of API keys")
            self._reread()

    @property
    def are_asked_for(self) -> bool:
        """Whether a request without a key is refused."""
        return bool(self._fixed) or self._folder is not None

    def admit(self, authorization: bytes | None, api_key: bytes | None, scope: Scope) -> str:
        """The id of the key that a request comes with, or `NONE` where none is asked for.

        Parameters
        ----------
        authorization, api_key : bytes or None
            The values of these two headers.
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
        presented = api_key if api_key is not None else _bearer(authorization)
        if presented is None:
            raise Unauthenticated(f"an API key is missing: {_HOW}")
        digest = hashlib.sha256(presented.strip()).digest()
        if time.monotonic() - self._read_at >= REREAD_S:
            self._reread()
        found = self._find(digest)
        if found is None:
            # It may be newer than what was read.
            self._reread()
            found = self._find(digest)
        if found is None:
            raise Unauthenticated(f"the API key is not known: {_HOW}")
        if scope == "admin" and found.scope != "admin":
            raise PermissionDenied(f"the API key {found.id} is for predictions, not for administration")
        return found.id

    def _find(self, digest: bytes) -> _Key | None:
        # All of them: the time taken tells nothing.
        matches = [key for key in (*self._fixed, *self._mounted) if hmac.compare_digest(key.digest, digest)]
        return max(matches, key=lambda key: key.scope == "admin", default=None)

    def _reread(self) -> None:
        self._read_at = time.monotonic()
        if self._folder is None:
            return
        try:
            # Kubernetes swaps the link ..data: through it, all entries are of one moment.
            current = self._folder / "..data"
            entries = sorted((current if current.exists() else self._folder).resolve().iterdir())
            states = [(entry, entry.stat()) for entry in entries if not entry.name.startswith(".")]
            seen = [(entry, state.st_ino, state.st_mtime_ns, state.st_size) for entry, state in states]
            if seen == self._seen:
                return
            keys = list(_entries(entry for entry, _ in states))
        except OSError as error:
            logger.warning("the API keys in %s cannot be read, those read before hold: %s", self._folder, error)
            return
        self._seen, self._mounted = seen, keys
        ids = ", ".join(f"{key.id} ({key.scope})" for key in keys) or "none, so nobody is let in"
        logger.info("API keys in %s: %s", self._folder, ids)


def _bearer(authorization: bytes | None) -> bytes | None:
    scheme, _, key = (authorization or b"").partition(b" ")
    return key if scheme.lower() == b"bearer" and key.strip() else None


def _listed(variable: str, environment: Mapping[str, str], scope: Scope) -> Iterator[_Key]:
    text = environment.get(variable, "")
    keys = [key.strip() for key in text.split(",") if key.strip()]
    if text and not keys:
        raise InvalidConfig(f"{variable}: expected keys, separated by commas, got none")
    for key in keys:
        yield _key(key.encode(errors="surrogateescape"), scope)


def _entries(files: Iterable[Path]) -> Iterator[_Key]:
    for file in files:
        if content := file.read_bytes().strip():
            yield _key(content, "admin" if file.name.startswith("admin") else "predict")
        else:
            logger.warning("%s is empty, and no API key", file)


def _key(key: bytes, scope: Scope) -> _Key:
    return _Key(hashlib.sha256(key).digest(), scope)

"""Every error this package raises, and the status a client sees; over gRPC, the one beside it on the class.

    ServingError
    ├── InvalidRequest          400
    │   └── InvalidTensor       422
    ├── Unauthenticated         401
    ├── PermissionDenied        403
    ├── ModelNotFound           404
    ├── MethodNotAllowed        405
    ├── ModelBusy               409
    ├── PayloadTooLarge         413
    ├── UnsupportedEncoding     415
    ├── TooManyStreams          429
    ├── InferenceError          500
    ├── ModelNotReady           503
    │   └── Draining            503
    ├── Overloaded              503
    ├── DeadlineExceeded        504
    ├── ChartError              what was asked for k8s_dev/ is refused; never reaches a client
    ├── DeployError             what was asked of a cluster is refused; never reaches a client
    │   ├── ToolMissing         helm or kubectl cannot be run
    │   ├── ClusterUnreachable  no Kubernetes API answers
    │   ├── NotDeployed         no such release in that namespace
    │   ├── RolloutFailed       the pods did not become ready, and were rolled back
    │   └── LeftBehind          something of a release cannot be removed
    └── LoadError               422
        ├── InvalidConfig       the values that were written cannot be served
        ├── ArtifactNotFound    nothing, or not exactly one artifact, at that address
        ├── ArtifactDenied      the store knows us and says no, or does not know us
        ├── ArtifactRejected    the bytes are not the ones wanted, or cannot be unpickled
        │   └── UntrustedPickle they name what no estimator needs, and are not unpickled
        ├── ArtifactUnavailable the store does not answer: the only one worth a retry
        ├── CacheUnusable       no room, or no right to write, where downloads are kept
        ├── VersionSkew         saved by a scikit-learn from which this one is too far away
        ├── NotAnEstimator      unpickled, but not what this server serves
        ├── UnservableEstimator an estimator that contradicts its config or gives no answer
        ├── WrongAnswers        loaded, but does not answer what was recorded when it was packed
        ├── UnknownPlugin       no format, store or protocol of that name
        └── MissingExtra        an optional library is not installed

The name of the class is the error's code, in answers, logs and `docs/TROUBLESHOOTING.md`.
"""

from http import HTTPStatus
from typing import ClassVar, Self


def quoted(name: str) -> str:
    """A client's own word in a message, cut: it may be a megabyte."""
    return repr(name if len(name) <= 80 else f"{name[:79]}…")


def sized(count_bytes: float) -> str:
    """``12.3 MB``: a number of bytes in a message."""
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count_bytes >= factor:
            return f"{count_bytes / factor:.1f} {unit}"
    return f"{count_bytes:.0f} B"


def printable(text: str) -> str:
    """*text*, which somebody else wrote, without what moves a terminal's cursor or cannot be encoded."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


class ServingError(Exception):
    """Root of the tree; its text is written for the person who has to act on it."""

    http_status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    #: Name of a ``grpc.StatusCode``.
    grpc_status: ClassVar[str] = "INTERNAL"
    retry_after_s: int | None = None

    @property
    def code(self) -> str:
        return type(self).__name__

    @property
    def is_expected(self) -> bool:
        """Whether a server that is well answers this: the client is at fault, or asked to come again."""
        return self.http_status < HTTPStatus.INTERNAL_SERVER_ERROR or self.retry_after_s is not None


class InvalidRequest(ServingError):
    http_status = HTTPStatus.BAD_REQUEST
    grpc_status = "INVALID_ARGUMENT"


class InvalidTensor(InvalidRequest):
    http_status = HTTPStatus.UNPROCESSABLE_ENTITY


class Unauthenticated(ServingError):
    http_status = HTTPStatus.UNAUTHORIZED
    grpc_status = "UNAUTHENTICATED"


class PermissionDenied(ServingError):
    http_status = HTTPStatus.FORBIDDEN
    grpc_status = "PERMISSION_DENIED"


class ModelNotFound(ServingError):
    http_status = HTTPStatus.NOT_FOUND
    grpc_status = "NOT_FOUND"


class MethodNotAllowed(ServingError):
    http_status = HTTPStatus.METHOD_NOT_ALLOWED
    grpc_status = "UNIMPLEMENTED"


class ModelBusy(ServingError):
    http_status = HTTPStatus.CONFLICT
    grpc_status = "ABORTED"


class PayloadTooLarge(ServingError):
    http_status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    grpc_status = "RESOURCE_EXHAUSTED"


class UnsupportedEncoding(ServingError):
    http_status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    grpc_status = "UNIMPLEMENTED"


class TooManyStreams(ServingError):
    """As many are held open as may be; over gRPC alone."""

    http_status = HTTPStatus.TOO_MANY_REQUESTS
    grpc_status = "RESOURCE_EXHAUSTED"


class InferenceError(ServingError):
    """The model failed on input that was valid; its own words never reach a client."""


class ModelNotReady(ServingError):
    http_status = HTTPStatus.SERVICE_UNAVAILABLE
    grpc_status = "UNAVAILABLE"
    retry_after_s = 5


class Draining(ModelNotReady):
    """The server is about to end; what is asked until then is answered."""


class Overloaded(ServingError):
    """More is waiting for an answer than may wait; raised at once."""

    http_status = HTTPStatus.SERVICE_UNAVAILABLE
    # What clients and proxies try again elsewhere, as they do a 503.
    grpc_status = "UNAVAILABLE"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeadlineExceeded(ServingError):
    http_status = HTTPStatus.GATEWAY_TIMEOUT
    grpc_status = "DEADLINE_EXCEEDED"

    @classmethod
    def after(cls, timeout_s: float) -> Self:
        return cls(f"no answer within {timeout_s * 1000:.0f} ms")

    @property
    def is_expected(self) -> bool:
        return True


class ChartError(ServingError):
    """A chart, or the answers for one, that Helm or Kubernetes would refuse: one fault per line."""


class DeployError(ServingError):
    """What helm, kubectl or the cluster refuses: what happened, and the next command."""


class ToolMissing(DeployError):
    pass


class ClusterUnreachable(DeployError):
    pass


class NotDeployed(DeployError):
    pass


class RolloutFailed(DeployError):
    pass


class LeftBehind(DeployError):
    pass


class LoadError(ServingError):
    """A model cannot be served: one line that names cause and next step."""

    http_status = HTTPStatus.UNPROCESSABLE_ENTITY
    grpc_status = "FAILED_PRECONDITION"


class InvalidConfig(LoadError):
    pass


class ArtifactNotFound(LoadError):
    pass


class ArtifactDenied(LoadError):
    pass


class ArtifactRejected(LoadError):
    pass


class UntrustedPickle(ArtifactRejected):
    pass


class ArtifactUnavailable(LoadError):
    #: How long the store has asked to be left alone.
    wait_s: float | None = None


class CacheUnusable(LoadError):
    pass


class VersionSkew(LoadError):
    pass


class NotAnEstimator(LoadError):
    pass


class UnservableEstimator(LoadError):
    pass


class WrongAnswers(LoadError):
    pass


class UnknownPlugin(LoadError):
    pass


class MissingExtra(LoadError):
    pass

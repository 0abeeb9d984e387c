"""What both lanes, HTTP's and gRPC's, answer predictions with."""

from dataclasses import dataclass, field

from ..dataplane import DataPlane
from ..errors import PayloadTooLarge, sized
from ..telemetry.exchange import Recorder
from .conversion import Conversion
from .keys import Keys


@dataclass(frozen=True, slots=True)
class Service:
    """One server's.

    Attributes
    ----------
    dataplane : DataPlane
    keys : Keys
    recorder : Recorder
    max_body_bytes : int
        Of a request.
    conversion : Conversion
    """

    dataplane: DataPlane
    keys: Keys
    recorder: Recorder
    max_body_bytes: int
    conversion: Conversion = field(default_factory=Conversion)

    def too_large(self) -> PayloadTooLarge:
        return PayloadTooLarge(
            f"the body is larger than {sized(self.max_body_bytes)}: send fewer rows at once, or raise "
            "config.limits.maxBodyBytes"
        )

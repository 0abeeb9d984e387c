"""What may lie beside an artifact: small files, which are read whole."""

from ..errors import ArtifactRejected, sized

MOST_BYTES = 32_000_000


def check_beside(address: str, size_bytes: int | None) -> None:
    """Refuse a file that would fill the memory of a pod."""
    if size_bytes is not None and size_bytes > MOST_BYTES:
        raise ArtifactRejected(
            f"{address}: {sized(size_bytes)}, more than the {sized(MOST_BYTES)} that are read of a passport: pack the "
            "model again, with fewer rows"
        )

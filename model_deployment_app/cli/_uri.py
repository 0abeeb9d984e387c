"""Addresses as people type them."""

from pathlib import Path


def uri_of(address: str) -> str:
    """A URI as it is, a path as ``file:///…``; the slash that makes it a folder stays."""
    if "://" in address:
        return address
    return Path(address).expanduser().absolute().as_uri() + ("/" if address.endswith("/") else "")

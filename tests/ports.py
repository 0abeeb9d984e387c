"""Ports for the servers of tests."""

import itertools
import random
import socket

# Below the range that the kernel takes clients' ports from: none is lost between its choice and its use.
_ports = itertools.count(random.randrange(20_000, 30_000))


def free_port() -> int:
    """A port on loopback that nobody listens on, and that was not given before."""
    for port in _ports:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable: the count never ends")

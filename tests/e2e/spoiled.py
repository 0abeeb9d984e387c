"""Requests with one field spoilt: every field there is, and for each whatever fits its type and no model."""

import random
from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

WORDS = [
    "",
    "x",
    "FP64",
    "FP16",
    "BF16",
    "BYTES",
    "BOOL",
    "INT8",
    "UINT64",
    "probabilities",
    "-1",
    "\0",
    "é🎈" * 30_000,
]
NUMBERS = [0, 1, 2, 7, 255]
INTEGERS = [*NUMBERS, -1, 2**31 - 1, -(2**31)]
FLOATS = [0.0, -0.0, float("nan"), float("inf"), float("-inf"), 3e38, 1e-45]
BLOBS = [b"", b"\xff", b"\0" * 8, b"\xff\xff\xff\xff", b"\x7f\0\0\0abc", bytes(7 * 4 * 8), bytes(100_000)]

_VALUES: dict[int, list[Any]] = {
    FieldDescriptor.TYPE_STRING: WORDS,
    FieldDescriptor.TYPE_BYTES: BLOBS,
    FieldDescriptor.TYPE_BOOL: [False, True],
    FieldDescriptor.TYPE_FLOAT: FLOATS,
    FieldDescriptor.TYPE_DOUBLE: [*FLOATS, 1.8e308 / 2, 2.0**53],
    FieldDescriptor.TYPE_INT32: INTEGERS,
    FieldDescriptor.TYPE_INT64: [*INTEGERS, 2**63 - 1, -(2**63), 2**53],
    FieldDescriptor.TYPE_UINT32: [*NUMBERS, 2**32 - 1],
    FieldDescriptor.TYPE_UINT64: [*NUMBERS, 2**64 - 1],
}


def spoiled(request: Any, seed: int) -> Iterator[tuple[str, bytes]]:
    """What was spoilt, and the request with it, for every field and each of its values."""
    chance = random.Random(seed)
    for path in _paths(request.DESCRIPTOR):
        for value in _VALUES.get(path[-1].type, [None]):
            copy = type(request)()
            copy.CopyFrom(request)
            _spoil(copy, path, value, chance)
            yield f"{'.'.join(field.name for field in path)} = {str(value)[:20]!r}", copy.SerializeToString()


def mangled(body: bytes, seed: int, count: int) -> Iterator[bytes]:
    """*body* cut, with bytes changed, put in and taken out; and bytes that never were a message."""
    chance = random.Random(seed)
    for _ in range(count):
        place = chance.randrange(len(body))
        some = chance.randbytes(chance.randrange(1, 20))
        yield chance.choice(
            [body[:place], body[:place] + some + body[place:], body[:place] + some + body[place + len(some) :], some]
        )


def _paths(descriptor: Descriptor) -> Iterator[tuple[FieldDescriptor, ...]]:
    """Every field, those of messages in messages too; a message itself is one."""
    for field in descriptor.fields:
        yield (field,)
        if field.message_type:
            yield from ((field, *rest) for rest in _paths(field.message_type))


def _spoil(message: Any, path: tuple[FieldDescriptor, ...], value: Any, chance: random.Random) -> None:
    [field, *rest] = path
    inner = getattr(message, field.name)
    if field.message_type and field.message_type.GetOptions().map_entry:
        # A key of a map, or what a key stands for.
        entry = inner["k" if not rest or rest[0].name == "value" else str(value)]
        if len(rest) > 1:
            _spoil(entry, tuple(rest[1:]), value, chance)
    elif not rest and field.message_type:
        _spoil_message(message, field, inner, chance)
    elif rest:
        if field.is_repeated:
            inner = chance.choice(inner) if inner else inner.add()
        _spoil(inner, tuple(rest), value, chance)
    elif field.is_repeated:
        if chance.random() < 0.5:
            del inner[:]
        inner.extend([value] * chance.choice([1, 1, 2, 28]))
    else:
        setattr(message, field.name, value)


def _spoil_message(message: Any, field: FieldDescriptor, inner: Any, chance: random.Random) -> None:
    """Take it away, or have it more often than once."""
    if not field.is_repeated or chance.random() < 0.3:
        message.ClearField(field.name)
    else:
        inner.add()
        if len(inner) > 1:
            inner.add().CopyFrom(inner[0])

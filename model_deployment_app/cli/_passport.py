"""A passport on the screen and beside its artifact."""

import os
from pathlib import Path

from ..artifacts import check_beside
from ..errors import ArtifactDenied, printable, sized
from ..passport import SUFFIX, Passport


def path_of(model: Path) -> Path:
    return model.with_name(model.name + SUFFIX)


def write(record: Passport, model: Path) -> None:
    """Put it beside *model*, whole or not at all, and say what is in it."""
    file, text = path_of(model), record.to_json()
    check_beside(str(file), len(text.encode()))
    new = file.with_name(f".{file.name}-{os.getpid()}")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(file)
    except OSError as error:
        raise ArtifactDenied(
            f"{file}: cannot be written ({error.strerror}): check the folder's owner and mode"
        ) from error
    print(f"{file}")
    for line in lines(record):
        print(f"  {line}")


def lines(record: Passport) -> list[str]:
    """What people look for, a fact a line."""
    columns = [name for tensor in record.inputs for name in (tensor.columns or [tensor.name])]
    inputs = ", ".join(f"{tensor.name} {tensor.dtype} {tuple(tensor.shape)}" for tensor in record.inputs[:5])
    facts = {
        "estimator": f"{record.estimator} ({record.job})",
        "sha256": f"{record.sha256} ({sized(record.size_bytes)}, {record.format})",
        "packed": f"{record.created_at:%Y-%m-%d %H:%M} UTC, Python {record.python}",
        "libraries": ", ".join(f"{name} {version}" for name, version in record.libraries.items()),
        "takes": inputs + (" …" if len(record.inputs) > 5 else ""),
        "columns": ", ".join(columns[:12]) + (f" … {len(columns)} in all" if len(columns) > 12 else ""),
        "answers": ", ".join(f"{tensor.name} {tuple(tensor.shape)}" for tensor in record.outputs),
        "classes": "; ".join(", ".join(str(label) for label in labels[:12]) for labels in record.classes),
        "golden": f"{len(record.golden.instances)} row(s), rtol {record.golden.rtol:g}, atol {record.golden.atol:g}",
        "training": "" if record.training is None else f"{record.training.rows} rows",
        "metadata": ", ".join(f"{key}={value}" for key, value in record.metadata.items()),
        "to trust": ", ".join(
            [*["whatever it does (pickle: trusted)"] * (record.pickle == "trusted"), *record.trusted_types]
        ),
    }
    return [printable(f"{name:<10} {fact}") for name, fact in facts.items() if fact]

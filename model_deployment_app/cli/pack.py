"""``mda pack``: the passport of a model."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..errors import InvalidRequest


def pack(
    model: Annotated[Path, typer.Argument(help="The pickle or joblib file; it is unpickled.")],
    sample: Annotated[
        Path | None,
        typer.Option(help="Rows that every pod must answer as now: JSON or CSV. Default: one row that is made up."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="What it was trained on, to be summarised: CSV or JSON.")] = None,
    job: Annotated[
        Literal["classification", "regression"] | None, typer.Option(help="Default: what the estimator is.")
    ] = None,
    output: Annotated[
        Literal["probabilities", "label"] | None, typer.Option(help="As config.output of its chart.")
    ] = None,
    meta: Annotated[
        list[str] | None, typer.Option("--meta", metavar="KEY=VALUE", help="What else to keep; may be repeated.")
    ] = None,
    image_has: Annotated[
        list[str] | None, typer.Option(metavar="MODULE", help="A module that your image adds; may be repeated.")
    ] = None,
    trusted: Annotated[
        bool, typer.Option("--trusted", help="Run whatever is in it, such as code that cloudpickle saved by value.")
    ] = False,
    rtol: Annotated[float | None, typer.Option(min=0, help="Relative difference that answers may have.")] = None,
    atol: Annotated[float | None, typer.Option(min=0, help="Absolute difference that answers may have.")] = None,
) -> None:
    """Write MODEL.passport.json: digest, versions, columns, and the answers that every pod must give."""
    from .. import packing  # pandas, which the other verbs need not import
    from . import _rows
    from ._passport import write

    rows = None if sample is None else _rows.instances(sample)
    if rows is not None and len(rows) > packing.MOST_ROWS:
        print(f"{sample}: the first {packing.MOST_ROWS} of {len(rows)} rows are used")
    record = packing.pack(
        model,
        job=job,
        output=output,
        sample=rows,
        training=None if data is None else _rows.frame(data),
        rtol=rtol,
        atol=atol,
        image_has=image_has or (),
        is_trusted=trusted,
        metadata=dict(_pair(each) for each in meta or ()),
    )
    write(record, model)


def _pair(text: str) -> tuple[str, str]:
    key, is_pair, value = text.partition("=")
    if not is_pair or not key:
        raise InvalidRequest(f"--meta {text}: expected KEY=VALUE")
    return key, value

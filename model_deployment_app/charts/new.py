"""Render a chart for one more model from chart_template."""

import json
import runpy
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import ChartError, MissingExtra
from . import clashes


def questions(template: Path) -> dict[str, Any]:
    """The answers that *template* wants, each with its default or, as a list, its choices.

    Raises
    ------
    ChartError
        If *template* is not a cookiecutter template.
    """
    file = template / "cookiecutter.json"
    try:
        context = json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        raise ChartError(f"{file}: not found; run this in the root of the repository, or give --template") from None
    except ValueError as error:
        raise ChartError(f"{file}: not JSON: {error}") from error
    return {name: default for name, default in context.items() if not name.startswith("_")}


def new(answers: dict[str, str], *, template: Path, into: Path, no_input: bool) -> Path:
    """Render *template* into a new folder of *into*, named by the model.

    Parameters
    ----------
    answers : dict of str to str
        By the names in the template's cookiecutter.json; what is left out is asked for, or takes its default.
    template : Path
        The cookiecutter template.
    into : Path
        An existing folder, which holds the other charts too.
    no_input : bool
        Ask nothing.

    Returns
    -------
    Path
        The chart's folder.

    Raises
    ------
    ChartError
        One fault per line: an answer that is unknown or would not work, a path or port that another chart
        has, a chart of that name. Nothing was written then.
    MissingExtra
        If cookiecutter is not installed.
    """
    if not into.is_dir():
        raise ChartError(f"{into}: no such folder; run this in the root of the repository, or give --into")
    known = questions(template)
    odd = _odd_answers(answers, known)
    try:
        with _cookiecutter(template):
            usable = {name: answer for name, answer in answers.items() if name not in odd}
            faults = [
                *odd.values(),
                *_faults(_resolved(usable, template)["cookiecutter"], template=template, into=into),
            ]
            if not no_input:
                # What was given is checked before anything is asked.
                _refuse([line for line in faults if line.partition(":")[0] in answers])
                usable = _asked(usable, template)
                faults = _faults(_resolved(usable, template)["cookiecutter"], template=template, into=into)
            _refuse(faults)
            # Beside the others, so that the last step is a rename: a chart is there as a whole or not at all.
            with tempfile.TemporaryDirectory(prefix=".new-", dir=into) as scratch:
                chart = Path(_generated(_resolved(usable, template), template=template, into=scratch))
                return chart.rename(into / chart.name)
    except (KeyboardInterrupt, EOFError):
        raise ChartError("stopped; nothing was written") from None


def _refuse(faults: list[str]) -> None:
    if faults:
        raise ChartError("\n".join(faults))


def _odd_answers(answers: dict[str, str], known: dict[str, Any]) -> dict[str, str]:
    """By answer: those that cookiecutter itself would not take."""
    faults = {}
    for name, answer in answers.items():
        if name not in known:
            faults[name] = f"{name}: unknown; known are {', '.join(known)}"
        elif isinstance(known[name], list) and answer not in known[name]:
            faults[name] = f"{name}: expected one of {', '.join(known[name])}, got {answer!r}"
    return faults


def _faults(answers: dict[str, str], *, template: Path, into: Path) -> list[str]:
    # The hook that plain cookiecutter runs; here as a function, so that its lines can be raised.
    hook = runpy.run_path(str(template / "hooks" / "pre_gen_project.py"))
    faults = hook["faults"](answers) + clashes.of_answers(answers, into)
    chart = into / answers["model_name"]
    if not faults and chart.exists():
        faults.append(f"model_name: {chart} exists already; choose another name, or remove it first")
    return faults


@contextmanager
def _cookiecutter(template: Path) -> Iterator[None]:
    """Our errors in place of cookiecutter's, and its imports from the template.

    What follows are the steps of cookiecutter.main without its traffic with the user's home (~/.cookiecutterrc, the
    replay file), and with the answers checked before anything is written.
    """
    try:
        from cookiecutter.exceptions import CookiecutterException
        from jinja2 import TemplateError
    except ModuleNotFoundError as error:
        raise MissingExtra("a new chart needs cookiecutter: pip install 'model-deployment-app[charts]'") from error
    # The template's local_extensions; the next template may have others.
    sys.path.insert(0, str(template))
    try:
        yield
    except (CookiecutterException, TemplateError, OSError, UnicodeError) as error:
        raise ChartError(f"{template}: {error}") from error
    finally:
        sys.path.remove(str(template))
        sys.modules.pop("local_extensions", None)


def _resolved(answers: dict[str, str], template: Path) -> dict[str, Any]:
    """The context of a rendering: *answers*, and defaults for the rest."""
    from cookiecutter.generate import generate_context
    from cookiecutter.prompt import prompt_for_config

    context = generate_context(
        context_file=str(template / "cookiecutter.json"), extra_context=_literals(answers, questions(template))
    )
    context["cookiecutter"].update(prompt_for_config(context, no_input=True))
    return context


def _asked(answers: dict[str, str], template: Path) -> dict[str, str]:
    """*answers*, and what the person at the terminal says to the other questions."""
    from cookiecutter.prompt import read_user_choice, read_user_variable

    words = json.loads((template / "cookiecutter.json").read_text(encoding="utf-8"))["__prompts__"]
    left = {name: default for name, default in questions(template).items() if name not in answers}
    for number, (name, default) in enumerate(left.items(), start=1):
        prefix = f"  [dim][{number}/{len(left)}][/] "
        if isinstance(default, list):
            answer = read_user_choice(name, default, words, prefix)
        else:
            answer = read_user_variable(name, _resolved(answers, template)["cookiecutter"][name], words, prefix)
        answers = answers | {name: answer}
    return answers


def _generated(context: dict[str, Any], *, template: Path, into: str) -> str:
    from cookiecutter.generate import generate_files

    return generate_files(template, context, output_dir=into, accept_hooks=False)


def _literals(answers: dict[str, str], known: dict[str, Any]) -> dict[str, str]:
    """Cookiecutter renders an answer as a template, so it comes as a literal; choices are only compared."""
    return {
        name: answer if isinstance(known[name], list) else f"{{{{ {answer!r} }}}}" for name, answer in answers.items()
    }

"""Runs helm and kubectl; a program that is missing, and one that fails, become errors of ours."""

import subprocess
from pathlib import Path

from ..errors import DeployError, ToolMissing

INSTALL = {
    "helm": "install helm 3.6 or later, or run `make install`",
    "kubectl": "install it (https://kubernetes.io/docs/tasks/tools), or name it by KUBECTL=",
}


def start(*words: str | Path) -> subprocess.Popen[str]:
    """Start a program; its output is captured.

    Raises
    ------
    ToolMissing
        If there is no such program.
    """
    try:
        return subprocess.Popen(
            [str(word) for word in words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl-C is for us: a helm that dies of it leaves a release that is pending for ever.
            start_new_session=True,
        )
    except OSError as error:
        name = Path(words[0]).name
        raise ToolMissing(f"{words[0]} cannot be run ({error.strerror}): {INSTALL.get(name, 'install it')}") from error


def attempt(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, whatever that is.

    Raises
    ------
    ToolMissing
        If there is no such program.
    """
    with start(*words) as process:
        stdout, stderr = process.communicate()
    return subprocess.CompletedProcess(words, process.returncode, stdout, stderr)


def run(*words: str | Path) -> str:
    """What a program prints.

    Raises
    ------
    ToolMissing
        If there is no such program.
    DeployError
        If it ends with another status than 0.
    """
    result = attempt(*words)
    if result.returncode:
        raise DeployError(f"{Path(words[0]).name} {words[1]}: {last_words(result.stderr or result.stdout)}")
    return result.stdout


def last_words(text: str) -> str:
    """The last line that says something: warnings come before it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ").removeprefix("error: ") if lines else "no reason given"

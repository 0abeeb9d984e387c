"""From ``mda pack`` to ``mda smoke``, and what a pod refuses before it is ready."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from numpy.testing import assert_allclose
from typer.testing import CliRunner

from model_deployment_app import cli

from .estimators import Trained
from .servers import START_S, Server, launch, running

Config = dict[str, Any]
SUFFIX = ".passport.json"


def mda(*arguments: object) -> str:
    """Run a verb; what it prints."""
    result = CliRunner().invoke(cli.app, [str(each) for each in arguments])
    assert result.exception is None, (result.output, result.exception)
    return result.output


def published(model: Trained, folder: Path) -> Config:
    """Save and pack *model* with its rows; the config that serves it."""
    config = model.publish(folder)
    sample = folder / "sample.json"
    body = model.bodies()
    sample.write_text(json.dumps(body.get("records", body.get("rows", body.get("text")))))
    output = ("--output", config["output"]) if "output" in config else ()
    mda("pack", config["model"]["path"], "--sample", sample, *output)
    return config


def edited(config: Config, edit: Callable[[Config], object]) -> Config:
    """Change the passport beside the artifact."""
    file = Path(config["model"]["path"] + SUFFIX)
    document = json.loads(file.read_text())
    edit(document)
    file.write_text(json.dumps(document))
    return config


def spoiled(config: Config, marker: Path) -> Config:
    """Other bytes, which leave a marker if they are loaded: nothing but a digest is in their way."""
    Path(config["model"]["path"]).write_bytes(b"cos\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR.")
    config["model"]["pickle"] = "trusted"
    return config


def _flipped(config: Config) -> Config:
    return spoiled(config, Path(config["model"]["path"]).with_name("marker"))


def _flipped_and_pinned(config: Config) -> Config:
    sha256 = hashlib.sha256(Path(config["model"]["path"]).read_bytes()).hexdigest()
    Path(config["model"]["path"] + SUFFIX).unlink()
    config = _flipped(config)
    config["model"]["sha256"] = sha256
    return config


def _canary(config: Config) -> Config:
    config = _flipped(config)
    del config["model"]["pickle"]
    sha256 = hashlib.sha256(Path(config["model"]["path"]).read_bytes()).hexdigest()
    return edited(config, lambda passport: passport.update(sha256=sha256))


def _canary_alone(config: Config) -> Config:
    Path(config["model"]["path"] + SUFFIX).unlink()
    config = _flipped(config)
    del config["model"]["pickle"]
    return config


def _without(config: Config) -> Config:
    Path(config["model"]["path"] + SUFFIX).unlink()
    return {**config, "requirePassport": True}


def _in_its_place(content: bytes) -> Callable[[Config], Config]:
    def put(config: Config) -> Config:
        Path(config["model"]["path"] + SUFFIX).write_bytes(content)
        return config

    return put


def _changed(edit: Callable[[Config], object]) -> Callable[[Config], Config]:
    return lambda config: edited(config, edit)


#: What happens to an artifact and its passport, the error's code, and words that its line must have.
CASES: dict[str, tuple[Callable[[Config], Config], str, str]] = {
    "flipped": (_flipped, "ArtifactRejected", "its passport is of other bytes"),
    "flipped-and-pinned": (_flipped_and_pinned, "ArtifactRejected", "config.model.sha256 is"),
    "canary": (_canary, "UntrustedPickle", "names os.system"),
    "canary-alone": (_canary_alone, "UntrustedPickle", "names os.system"),
    "other-answer": (
        _changed(lambda passport: passport["golden"]["outputs"]["labels"].__setitem__(3, 2)),
        "WrongAnswers",
        "row 3 of its passport: labels were 2 when it was packed, and are 1 here",
    ),
    "required": (_without, "ArtifactNotFound", "config.requirePassport is set"),
    "html": (_in_its_place(b"<html>sign in</html>"), "ArtifactRejected", "no passport that this version can read"),
    "huge": (_in_its_place(bytes(33_000_000)), "ArtifactRejected", "33.0 MB, more than the 32.0 MB"),
    "later": (_changed(lambda passport: passport.update(passportVersion=2)), "ArtifactRejected", "passportVersion"),
    "old-sklearn": (
        _changed(lambda passport: passport["libraries"].update({"scikit-learn": "1.8.0"})),
        "VersionSkew",
        "pip install 'scikit-learn==1.8.*'",
    ),
}


@pytest.fixture(scope="module")
def ended(trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The folder of each case, once its server has ended with status 1."""
    folders, processes = {}, {}
    with contextlib.ExitStack() as stack:
        for case, (spoil, _, _) in CASES.items():
            folders[case] = folder = tmp_path_factory.mktemp(case)
            (folder / "termination.log").touch()
            config = spoil(published(trained["iris"], folder))
            environment = {"TERMINATION_LOG": str(folder / "termination.log")}
            processes[case] = launch(config, folder, environment=environment)
            stack.callback(processes[case].kill)
        assert {case: process.wait(START_S) for case, process in processes.items()} == dict.fromkeys(CASES, 1)
        yield folders


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_what_was_packed_is_refused_in_one_line(ended: dict[str, Path], case: str) -> None:
    _, code, words = CASES[case]

    line = (ended[case] / "termination.log").read_text()
    log = (ended[case] / "server.log").read_text()

    assert line.startswith(f"mda: {code}: file://")
    assert words in line
    assert line in log
    assert "Traceback" not in log


@pytest.mark.parametrize("case", CASES)
def test_nothing_of_what_is_refused_has_run(ended: dict[str, Path], case: str) -> None:
    assert not (ended[case] / "marker").exists()


def test_a_server_with_another_answer_is_never_ready(trained: dict[str, Trained], tmp_path: Path) -> None:
    case, code, _ = CASES["other-answer"]
    config = case(published(trained["iris"], tmp_path))
    statuses = set()

    with running(config, tmp_path) as server:
        while (status := server.process.poll()) is None:
            with contextlib.suppress(httpx2.TransportError):  # not there yet, or no more
                statuses.add(server.client.get("/readyz").status_code)

    assert status == 1
    assert 200 not in statuses
    assert f"mda: {code}: " in server.log.read_text()


@pytest.fixture(scope="module")
def verified(
    trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[Server, Path]]]:
    """A ready server of each kind of model, packed and checked, and the config that it runs with."""
    with contextlib.ExitStack() as stack:
        started = {}
        for name, model in trained.items():
            folder = tmp_path_factory.mktemp(name)
            config = {**published(model, folder), "requirePassport": True}
            started[name] = stack.enter_context(running(config, folder)), folder / "values.yaml"
        for server, _ in started.values():
            server.until(server.is_ready)
        yield started


def test_every_kind_of_model_is_packed_checked_served_and_asked_its_golden_rows(
    verified: dict[str, tuple[Server, Path]], trained: dict[str, Trained]
) -> None:
    for name, (server, config) in verified.items():
        checked = mda("check", "--config", config, "--cache-dir", config.parent)
        asked = mda("smoke", "--config", config, "--url", server.url)

        assert "loads and gives the answers of its passport" in checked, name
        assert f"{len(trained[name].plain_rows())} row(s) of its passport -> the answers that were recorded" in asked
        assert "verified=yes" in server.log.read_text(), name


def test_everybody_is_told_which_digest_is_served(
    verified: dict[str, tuple[Server, Path]], trained: dict[str, Trained]
) -> None:
    server, _ = verified["iris"]
    artifact = server.log.parent / trained["iris"].file
    sha256 = hashlib.sha256(artifact.read_bytes()).hexdigest()

    ready = server.client.get("/readyz").json()
    predicted = server.client.post("/predict", json=trained["iris"].bodies()["rows"])
    passport = server.client.get("/v1/models/iris/passport").json()

    assert ready["models"] == [{"name": "iris", "version": "2026.11", "sha256": sha256, "verified": True}]
    assert predicted.headers["x-model-sha256"] == sha256
    assert passport == json.loads(Path(f"{artifact}{SUFFIX}").read_text())


def test_what_values_pin_goes_before_a_passport_of_other_bytes(trained: dict[str, Trained], tmp_path: Path) -> None:
    model = trained["iris"]
    config = edited(published(model, tmp_path), lambda passport: passport.update(sha256="0" * 64))
    sha256 = hashlib.sha256((tmp_path / model.file).read_bytes()).hexdigest()
    config["model"]["sha256"] = sha256

    with running(config, tmp_path) as server:
        server.until(server.is_ready)
        answer = server.client.post("/predict", json=model.bodies()["rows"]).json()

    assert_allclose(answer["probabilities"], model.estimator.predict_proba(model.rows), rtol=1e-12)
    assert "it is not used, since config.model.sha256 is the artifact's" in server.log.read_text()
    assert "verified=no" in server.log.read_text()

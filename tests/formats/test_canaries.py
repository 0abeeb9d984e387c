import io
import subprocess
import sys
from pathlib import Path

import canaries
import pytest
from canaries import CARRIERS, Call, Name, pickled

from model_deployment_app import plugins
from model_deployment_app.errors import ArtifactRejected, UntrustedPickle

NAMES = [name for name in canaries.calls(Path("/tmp")) if name != "a name alone"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    marker = str(tmp_path / "marker")
    (tmp_path / "canary_module.py").write_text(f"open({marker!r}, 'w').close()\nclass Model: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def load(content: bytes, **options):
    return plugins.find("formats", "joblib").load(io.BytesIO(content), job="classification", **options)


@pytest.mark.parametrize("name", NAMES)
def test_no_canary_runs_in_any_carrier(folder, name):
    if "torch" in name:
        pytest.importorskip("torch")
    canary = canaries.calls(folder)[name]
    refusals = {}

    for carrier, packed in CARRIERS.items():
        with pytest.raises(ArtifactRejected) as raised:
            load(packed(canary))
        refusals[carrier] = str(raised.value)

    assert not (folder / "marker").exists()
    assert "canary_module" not in sys.modules
    assert [carrier for carrier, line in refusals.items() if "\n" in line or len(line) > 600] == []


def test_a_module_that_is_only_named_is_not_imported(folder):
    canary = canaries.calls(folder)["a name alone"]

    for packed in CARRIERS.values():
        with pytest.raises(ArtifactRejected):
            load(packed(canary))

    assert "canary_module" not in sys.modules
    assert not (folder / "marker").exists()


def test_the_canaries_are_live(folder):
    command = [sys.executable, Path(__file__).with_name("canaries_live.py"), folder]

    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True)

    assert result.stdout.count("ran: ") >= 45


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "numpy.load", "joblib.load", "pandas.read_pickle"])
def test_what_can_do_anything_no_line_allows(folder, name):
    content = pickled(canaries.calls(folder)[name])

    with pytest.raises(UntrustedPickle, match=f"names {name}, which .*no line of trustedTypes allows that") as raised:
        load(content, trusted_types=[name])

    assert not (folder / "marker").exists()
    assert "config.model.trustedTypes" not in str(raised.value)


def test_trusted_runs_what_is_in_a_pickle(folder):
    content = pickled(canaries.calls(folder)["os.system"])

    with pytest.raises(Exception, match="the artifact holds a int"):
        load(content, pickle="trusted")

    assert (folder / "marker").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_a_name_is_looked_up_as_python_2_wrote_it_and_as_python_3_reads_it(folder, protocol):
    canary = Call(Name("commands", "getoutput"), (f"touch {folder}/marker",))

    with pytest.raises(ArtifactRejected) as raised:
        load(pickled(canary, protocol))

    assert ("subprocess.getoutput" if protocol < 3 else "'commands'") in str(raised.value)
    assert not (folder / "marker").exists()

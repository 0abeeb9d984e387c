import subprocess
import sys
from pathlib import Path

from google.protobuf import descriptor_pool

from model_deployment_app.protocols import _messages as messages

FOLDER = Path(messages.__file__).parent


def test_what_is_read_is_what_the_proto_says(tmp_path):
    """If it fails: make proto."""
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        "--proto_path",
        FOLDER,
        "--descriptor_set_out",
        tmp_path / "new",
    ]

    subprocess.run([*command, "open_inference.proto"], check=True)

    assert (tmp_path / "new").read_bytes() == (FOLDER / "open_inference.binpb").read_bytes()


def test_the_shared_pool_of_a_process_stays_free_for_clients():
    everybody = descriptor_pool.Default()

    everybody.AddSerializedFile(messages.FILE.SerializeToString())

    theirs = everybody.FindMessageTypeByName("inference.ModelInferRequest")
    assert theirs is not messages.ModelInferRequest.DESCRIPTOR

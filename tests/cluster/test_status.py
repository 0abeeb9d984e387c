import json
from pathlib import Path

import pytest

from model_deployment_app.cluster.helm import Helm
from model_deployment_app.cluster.kubectl import Kubectl
from model_deployment_app.cluster.status import status
from model_deployment_app.errors import NotDeployed

from .conftest import SHA256, Deploy
from .fake import kinds


def test_it_tells_release_image_artifact_and_pods(deploy: Deploy, the_helm: Helm, the_kubectl: Kubectl) -> None:
    deploy(image_tag="2.0.0", helm_args="--set replicaCount=2")

    title, release, image, artifact, *pods = status("iris", helm=the_helm, kubectl=the_kubectl)

    assert title == f"iris in {the_helm.namespace}"
    assert release.startswith("  release   revision 1, deployed, iris-0.1.0, ")
    assert image == "  image     registry.local/app:2.0.0"
    assert artifact == f"  artifact  /models/iris.joblib, sha256 {SHA256}"
    assert pods[0] == "  pods      2 of 2 ready"
    assert len(pods) == 3
    assert "  ready  0 restarts  since " in pods[1]


def test_it_tells_why_pods_are_not_ready(
    deploy: Deploy, the_helm: Helm, the_kubectl: Kubectl, kubernetes, namespace
) -> None:
    deploy()
    [pod] = kubernetes.find("Pod", namespace)
    ended = {"name": "model", "restartCount": 5, "state": {"terminated": {"message": "ArtifactDenied: no right"}}}
    kubernetes.store.put(kinds.named("Pod"), namespace, pod | {"status": {"containerStatuses": [ended]}})

    lines = status("iris", helm=the_helm, kubectl=the_kubectl)

    assert "  pods      0 of 1 ready" in lines
    assert "  why       ArtifactDenied: no right" in lines


def test_an_artifact_that_is_not_pinned_is_said_to_be(deploy: Deploy, the_helm: Helm, the_kubectl: Kubectl) -> None:
    deploy(helm_args="--set config.model.sha256=null")

    lines = status("iris", helm=the_helm, kubectl=the_kubectl)

    assert "  artifact  /models/iris.joblib, not pinned: config.model.sha256 is not set" in lines


def test_the_artifact_of_each_of_several_models_is_told(
    deploy: Deploy, the_helm: Helm, the_kubectl: Kubectl, tmp_path: Path
) -> None:
    own = ["name", "modelType", "job", "model", "inputSize"]
    every = {"modelType": "joblib", "job": "regression"}
    models = [every | {"name": name, "model": {"method": "LOCAL", "path": f"/models/{name}"}} for name in ("a", "b")]
    values = tmp_path / "several.yaml"
    values.write_text(json.dumps({"config": dict.fromkeys(own) | {"models": models}}))

    deploy(helm_args=f"--values {values}")

    lines = status("iris", helm=the_helm, kubectl=the_kubectl)
    assert [line.partition(",")[0] for line in lines if "artifact" in line] == [
        "  artifact  /models/a",
        "  artifact  /models/b",
    ]


def test_what_is_not_deployed_is_said_to_be(the_helm: Helm, the_kubectl: Kubectl) -> None:
    with pytest.raises(NotDeployed, match="iris is not deployed in models-"):
        status("iris", helm=the_helm, kubectl=the_kubectl)

"""From whatever state, a release ends in the same place: nothing of it is left."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from model_deployment_app.cluster.helm import Helm
from model_deployment_app.cluster.kubectl import Kubectl
from model_deployment_app.cluster.undeploy import Removal, undeploy
from model_deployment_app.errors import ClusterUnreachable, LeftBehind

from .conftest import Deploy
from .fake import kinds
from .fake.server import FakeKubernetes
from .records import garble, mark

LABELS = {"app.kubernetes.io/instance": "iris"}


class Stage:
    """What sets a test's stage."""

    def __init__(self, kubernetes: FakeKubernetes, helm: Helm, deploy: Deploy, chart: Path) -> None:
        self.kubernetes = kubernetes
        self.namespace = helm.namespace
        self.deploy = deploy
        self._helm = helm
        self._chart = chart

    def fail(self) -> None:
        """A first install that is not atomic fails, and stays."""
        words = [self._helm.binary, "install", "iris", self._chart, "--namespace", self.namespace, "--create-namespace"]
        more = ["--set", "image.tag=1-unready", "--wait", "--timeout", "1s"]
        assert subprocess.run([*words, *more], capture_output=True).returncode

    def delete(self, kind: str, name: str) -> None:
        namespace = self.namespace if kinds.named(kind).is_namespaced else ""
        self.kubernetes.store.delete(kinds.named(kind), namespace, name)


@pytest.fixture
def stage(kubernetes: FakeKubernetes, the_helm: Helm, deploy: Deploy, charts: Path) -> Stage:
    return Stage(kubernetes, the_helm, deploy, charts / "iris")


@pytest.fixture
def remove(the_helm: Helm, the_kubectl: Kubectl, news: list[str]) -> Callable[..., Removal]:
    def run(**options: float) -> Removal:
        return undeploy("iris", helm=the_helm, kubectl=the_kubectl, show=news.append, **options)

    return run


def _deployed(stage: Stage) -> None:
    stage.deploy()
    stage.deploy()


def _failed(stage: Stage) -> None:
    stage.fail()


def _pending_install(stage: Stage) -> None:
    stage.fail()
    mark(stage.kubernetes, stage.namespace, "pending-install")


def _pending_upgrade(stage: Stage) -> None:
    _deployed(stage)
    mark(stage.kubernetes, stage.namespace, "pending-upgrade")


def _uninstalling(stage: Stage) -> None:
    stage.deploy()
    mark(stage.kubernetes, stage.namespace, "uninstalling")
    stage.delete("Deployment", "iris")


def _without_a_deployment(stage: Stage) -> None:
    stage.deploy()
    stage.delete("Deployment", "iris")


def _without_a_record(stage: Stage) -> None:
    stage.deploy()
    stage.delete("Secret", "sh.helm.release.v1.iris.v1")


def _with_a_garbled_record(stage: Stage) -> None:
    stage.deploy()
    garble(stage.kubernetes, stage.namespace)


def _with_the_pod_of_a_test(stage: Stage) -> None:
    stage.deploy()
    stage.kubernetes.put("Pod", stage.namespace, "iris-smoke", metadata={"labels": LABELS}, spec={}, status={})


def _without_a_namespace(stage: Stage) -> None:
    stage.deploy()
    stage.delete("Namespace", stage.namespace)


def _never_installed(stage: Stage) -> None:
    stage.kubernetes.put("Namespace", "", stage.namespace)


@pytest.mark.parametrize(
    "reach",
    [
        _deployed,
        _failed,
        _pending_install,
        _pending_upgrade,
        _uninstalling,
        _without_a_deployment,
        _without_a_record,
        _with_a_garbled_record,
        _with_the_pod_of_a_test,
        _without_a_namespace,
        _never_installed,
    ],
    ids=lambda reach: reach.__name__.strip("_"),
)
def test_nothing_is_left_of_a_release(stage: Stage, remove: Callable[..., Removal], reach) -> None:
    reach(stage)

    done = remove()

    assert stage.kubernetes.everything(stage.namespace) == []
    assert done.has_namespace == (reach is not _without_a_namespace)
    assert bool(done.removed) == (reach not in (_without_a_namespace, _never_installed))


def test_what_others_have_there_stays_and_claims_are_named(stage: Stage, remove: Callable[..., Removal]) -> None:
    stage.deploy()
    stage.kubernetes.put("PersistentVolumeClaim", stage.namespace, "models", metadata={"labels": LABELS}, spec={})
    stage.kubernetes.put("Secret", stage.namespace, "api-keys", data={})
    stage.kubernetes.put(
        "ConfigMap", stage.namespace, "rose", metadata={"labels": {**LABELS, "app.kubernetes.io/instance": "rose"}}
    )

    done = remove()

    assert done.claims == ["persistentvolumeclaim/models"]
    assert stage.kubernetes.everything(stage.namespace) == [
        "ConfigMap/rose",
        "PersistentVolumeClaim/models",
        "Secret/api-keys",
    ]


def test_what_may_not_be_listed_is_named_and_stops_nothing(
    stage: Stage, remove: Callable[..., Removal], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.deploy()
    monkeypatch.setattr(stage.kubernetes, "forbidden", {"ingresses"})

    done = remove()

    assert done.forbidden == ["ingresses.networking.k8s.io"]
    assert stage.kubernetes.everything(stage.namespace) == []


def test_what_a_finalizer_holds_is_named_with_it(stage: Stage, remove: Callable[..., Removal]) -> None:
    metadata = {"labels": LABELS, "finalizers": ["example.com/hold"]}
    stage.kubernetes.put("Namespace", "", stage.namespace)
    stage.kubernetes.put("ConfigMap", stage.namespace, "held", metadata=metadata)

    with pytest.raises(LeftBehind, match=r"configmap/held is still there; held by example.com/hold\nnext: kubectl"):
        remove(timeout_s=0.1)


def test_without_a_cluster_nothing_is_said_to_be_gone(remove: Callable[..., Removal], monkeypatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")

    with pytest.raises(ClusterUnreachable):
        remove()

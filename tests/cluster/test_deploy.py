import subprocess
from pathlib import Path

import pytest

from model_deployment_app.cluster import commands
from model_deployment_app.cluster.helm import Helm
from model_deployment_app.errors import ClusterUnreachable, DeployError, RolloutFailed

from .conftest import Deploy
from .fake.controllers import LAST_LOG_LINE, PROBE_ANSWER, PULL_FAILURE, REFUSAL
from .fake.server import FakeKubernetes
from .records import mark


@pytest.fixture
def pods(kubernetes: FakeKubernetes, namespace: str):
    """The images of the pods by name."""

    def look() -> dict[str, str]:
        found = kubernetes.find("Pod", namespace)
        return {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"] for pod in found}

    return look


def edit(values: Path, old: str, new: str) -> None:
    text = values.read_text()
    assert old in text
    values.write_text(text.replace(old, new))


def test_a_first_deploy_makes_the_namespace_and_waits_for_the_pods(deploy: Deploy, pods, kubernetes, namespace) -> None:
    done = deploy()

    assert done.revision == 1
    assert done.image in pods().values()
    assert {"Service/iris", "Deployment/iris", "ConfigMap/iris-config"} < set(kubernetes.everything(namespace))


def test_an_unchanged_chart_keeps_its_pods(deploy: Deploy, pods) -> None:
    deploy()
    before = pods()

    done = deploy()

    assert done.revision == 2
    assert pods() == before


def test_a_changed_config_replaces_the_pods(deploy: Deploy, pods, charts: Path) -> None:
    deploy()
    before = pods()
    edit(charts / "iris/values.yaml", "inputSize: 4", "inputSize: 5")

    deploy()

    assert len(pods()) == len(before)
    assert not pods().keys() & before.keys()


def test_another_tag_goes_before_the_chart_s_tag_and_digest(deploy: Deploy, pods, charts: Path) -> None:
    edit(charts / "iris/values.yaml", 'digest: ""', f'digest: "sha256:{"0" * 64}"')

    deploy(image_tag="2.0.0")

    assert list(pods().values()) == ["registry.local/app:2.0.0"]


def test_an_environment_is_laid_over_the_values_and_forgotten_without_it(deploy: Deploy, pods, charts: Path) -> None:
    (charts / "iris/values-prod.yaml").write_text("replicaCount: 3\n")

    deploy(env="prod")
    of_prod = pods()
    deploy()

    assert len(of_prod) == 3
    assert len(pods()) == 1


def test_more_words_for_helm_win(deploy: Deploy, pods) -> None:
    deploy(helm_args="--set replicaCount=2 --description 'two words'")

    assert len(pods()) == 2


@pytest.mark.parametrize(
    ("tag", "told"),
    [
        ("1-refuses", REFUSAL),
        ("1-absent", f"ImagePullBackOff: {PULL_FAILURE}"),
        ("1-silent", f"ended with status 1; its log ends: {LAST_LOG_LINE}"),
    ],
)
def test_a_first_deploy_that_fails_says_why_and_leaves_nothing(
    deploy: Deploy, kubernetes, namespace, tag, told
) -> None:
    with pytest.raises(RolloutFailed) as caught:
        deploy(image_tag=tag)

    assert told in str(caught.value)
    assert "nothing ran before, and nothing is left of it\nnext: " in str(caught.value)
    assert kubernetes.everything(namespace) == []


def test_what_is_never_ready_is_given_up_after_helm_s_timeout(deploy: Deploy, kubernetes, namespace, news) -> None:
    with pytest.raises(RolloutFailed, match=PROBE_ANSWER):
        deploy(image_tag="1-unready", helm_args="--timeout 2s")

    assert any(line.startswith("0 of 1 pods ready") for line in news)
    assert kubernetes.everything(namespace) == []


@pytest.mark.parametrize(("tag", "helm_args"), [("1-refuses", ""), ("1-unready", "--timeout 2s")])
def test_an_upgrade_that_fails_is_rolled_back_to_the_pods_that_run(
    deploy: Deploy, pods, the_helm: Helm, tag: str, helm_args: str
) -> None:
    deploy()
    before = pods()

    with pytest.raises(RolloutFailed, match="rolled back: revision 1 serves on"):
        deploy(image_tag=tag, helm_args=helm_args)

    assert pods() == before
    assert the_helm.history("iris")[-1].status == "deployed"


def test_a_release_that_was_broken_before_is_cured(deploy: Deploy, pods, the_helm: Helm, charts: Path) -> None:
    # Without --wait, helm takes it for deployed.
    words = ["upgrade", "--install", "iris", charts / "iris", "--namespace", the_helm.namespace, "--create-namespace"]
    subprocess.run([the_helm.binary, *words, "--set", "image.tag=1-refuses"], check=True, capture_output=True)

    deploy(image_tag="2.0.0")

    assert list(pods().values()) == ["registry.local/app:2.0.0"]


def test_a_failed_release_is_upgraded_and_put_back_rather_than_removed(
    deploy: Deploy, pods, kubernetes, namespace
) -> None:
    # As of an install that timed out, and whose pods became ready afterwards.
    deploy()
    before = pods()
    mark(kubernetes, namespace, "failed")

    with pytest.raises(RolloutFailed, match="rolled back to revision 1, which was failed"):
        deploy(image_tag="1-refuses")

    assert pods() == before


@pytest.mark.parametrize("status", ["uninstalled", "uninstalling"])
def test_a_release_that_is_half_gone_is_installed_anew(deploy: Deploy, pods, kubernetes, namespace, status) -> None:
    deploy()
    mark(kubernetes, namespace, status)

    done = deploy()

    assert done.revision == 1
    assert len(pods()) == 1


def test_what_the_cluster_refuses_is_told_in_its_words(deploy: Deploy, kubernetes, namespace, charts: Path) -> None:
    edit(charts / "iris/values.yaml", "affinity: {}", "affinity: {nodeAfinity: {}}")

    with pytest.raises(DeployError, match="nodeAfinity") as caught:
        deploy()

    assert not isinstance(caught.value, RolloutFailed)
    assert kubernetes.everything(namespace) == []


def test_a_deploy_that_is_stopped_puts_back_what_ran(deploy: Deploy, pods, the_helm: Helm, news, monkeypatch) -> None:
    deploy()
    before = pods()
    attempt = commands.attempt

    def interrupted(*words):
        # The second look of whoever waits: by then helm has upgraded, and waits too.
        if "deployments,pods" in words and len(news) == 1:
            raise KeyboardInterrupt
        return attempt(*words)

    monkeypatch.setattr(commands, "attempt", interrupted)
    news.clear()

    with pytest.raises(DeployError, match="stopped; rolled back: revision 1 serves on"):
        deploy(image_tag="1-slow")

    assert pods() == before
    assert the_helm.history("iris")[-1].status == "deployed"


@pytest.mark.parametrize(
    ("n_deploys", "way_out"),
    [(1, "make k8s-undeploy MODEL=iris NAMESPACE="), (2, "helm rollback iris 1 --namespace ")],
)
def test_a_release_that_is_pending_is_left_alone(
    deploy: Deploy, kubernetes: FakeKubernetes, namespace: str, n_deploys: int, way_out: str
) -> None:
    for _ in range(n_deploys):
        deploy()
    if n_deploys > 1:
        mark(kubernetes, namespace, "deployed", of=1)
    mark(kubernetes, namespace, "pending-upgrade", of=n_deploys)

    with pytest.raises(DeployError, match="iris is pending-upgrade since") as caught:
        deploy()

    assert way_out + namespace in str(caught.value)


def test_faults_of_the_chart_come_before_the_cluster(deploy: Deploy, charts: Path, monkeypatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    edit(charts / "iris/values.yaml", "replicaCount: 1", "replicaCount: one")

    with pytest.raises(DeployError, match="replicaCount: Invalid type"):
        deploy()


def test_no_cluster_is_told_of(deploy: Deploy, monkeypatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")

    with pytest.raises(ClusterUnreachable, match="set KUBECONFIG"):
        deploy()

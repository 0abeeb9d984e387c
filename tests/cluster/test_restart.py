import pytest

from model_deployment_app.cluster.kubectl import Kubectl
from model_deployment_app.cluster.restart import restart
from model_deployment_app.errors import NotDeployed, RolloutFailed

from .conftest import Deploy
from .fake import controllers
from .fake.server import FakeKubernetes


def names(kubernetes: FakeKubernetes, namespace: str) -> set[str]:
    return {pod["metadata"]["name"] for pod in kubernetes.find("Pod", namespace)}


def test_a_restart_replaces_the_pods(deploy: Deploy, the_kubectl: Kubectl, kubernetes, namespace, news) -> None:
    deploy(helm_args="--set replicaCount=2")
    before = names(kubernetes, namespace)

    restart("iris", kubectl=the_kubectl, show=news.append)

    assert len(names(kubernetes, namespace)) == 2
    assert not names(kubernetes, namespace) & before


def test_a_restart_that_fails_is_undone_and_explained(
    deploy: Deploy, the_kubectl: Kubectl, kubernetes, namespace, news, monkeypatch
) -> None:
    deploy(image_tag="1-fickle")
    before = names(kubernetes, namespace)
    monkeypatch.setitem(controllers.OUTCOMES, "fickle", controllers.OUTCOMES["refuses"])

    with pytest.raises(RolloutFailed, match=controllers.REFUSAL):
        restart("iris", kubectl=the_kubectl, show=news.append)

    assert before <= names(kubernetes, namespace)


def test_what_is_not_deployed_cannot_be_restarted(the_kubectl: Kubectl, news) -> None:
    with pytest.raises(NotDeployed, match="iris is not deployed in models-"):
        restart("iris", kubectl=the_kubectl, show=news.append)

"""``mda deploy``: a chart of k8s_dev/ to a cluster."""

from pathlib import Path

from ..cluster.deploy import deploy as bring
from ..cluster.helm import Helm
from ..cluster.kubectl import Kubectl
from ..cluster.source import source
from ._options import (
    DEFAULT_NAMESPACE,
    Charts,
    Env,
    HelmArgs,
    HelmBinary,
    ImageTag,
    KubectlBinary,
    Model,
    Namespace,
)
from ._progress import progress


def deploy(
    model: Model,
    namespace: Namespace = DEFAULT_NAMESPACE,
    env: Env = "",
    image_tag: ImageTag = "",
    helm_args: HelmArgs = "",
    charts: Charts = Path("k8s_dev"),
    helm: HelmBinary = "helm",
    kubectl: KubectlBinary = "kubectl",
) -> None:
    """Install or upgrade a model and wait until its pods are ready; what fails is rolled back and explained."""
    wanted = source(model, charts=charts, env=env, image_tag=image_tag, helm_args=helm_args)
    print(f"deploying {wanted.chart} to {namespace}", flush=True)
    with progress() as show:
        done = bring(wanted, helm=Helm(helm, namespace), kubectl=Kubectl(kubectl, namespace), show=show)
    print(f"{model} is deployed: revision {done.revision}, its pods are ready, {done.image}")
    print(f"next: make k8s-status MODEL={model} NAMESPACE={namespace}; helm test {model} --namespace {namespace}")

"""``mda status``: what runs of a model in a cluster."""

from ..cluster.helm import Helm
from ..cluster.kubectl import Kubectl
from ..cluster.status import status as ask
from ._options import DEFAULT_NAMESPACE, HelmBinary, KubectlBinary, Model, Namespace


def status(
    model: Model,
    namespace: Namespace = DEFAULT_NAMESPACE,
    helm: HelmBinary = "helm",
    kubectl: KubectlBinary = "kubectl",
) -> None:
    """Print the release, the image, the artifact and the pods of a model."""
    print("\n".join(ask(model, helm=Helm(helm, namespace), kubectl=Kubectl(kubectl, namespace))))

"""``mda restart``: new pods for a model, one by one."""

from ..cluster.kubectl import Kubectl
from ..cluster.restart import restart as replace_pods
from ._options import DEFAULT_NAMESPACE, KubectlBinary, Model, Namespace
from ._progress import progress


def restart(model: Model, namespace: Namespace = DEFAULT_NAMESPACE, kubectl: KubectlBinary = "kubectl") -> None:
    """Replace the pods of a model without a gap; if the new ones do not become ready, the old ones stay."""
    with progress() as show:
        replace_pods(model, kubectl=Kubectl(kubectl, namespace), show=show)
    print(f"{model} in {namespace} is restarted: its pods are new, and ready")

"""``mda undeploy``: nothing of a model is left in a cluster."""

from ..cluster.helm import Helm
from ..cluster.kubectl import Kubectl, selector
from ..cluster.undeploy import undeploy as remove
from ._options import DEFAULT_NAMESPACE, HelmBinary, KubectlBinary, Model, Namespace
from ._progress import progress


def undeploy(
    model: Model,
    namespace: Namespace = DEFAULT_NAMESPACE,
    helm: HelmBinary = "helm",
    kubectl: KubectlBinary = "kubectl",
) -> None:
    """Remove a model from whatever state it is in, and prove by listing that nothing of it is left."""
    with progress() as show:
        done = remove(model, helm=Helm(helm, namespace), kubectl=Kubectl(kubectl, namespace), show=show)
    if not done.has_namespace:
        print(f"there is no namespace {namespace}, and so nothing of {model}")
        return
    print(f"removed: {', '.join(done.removed) or 'nothing, there was nothing'}")
    listed = f"{done.n_kinds_listed} kinds listed in {namespace}"
    print(f"{listed}: nothing labelled {selector(model)} is left, nor a record of helm's")
    if done.forbidden:
        print(f"not listed, since you may not: {', '.join(done.forbidden)}")
    print(f"left on purpose: namespace/{namespace}; claims: {', '.join(done.claims) or 'none there'}")

"""``mda template``: what a deploy with the same options would apply."""

from pathlib import Path

from ..cluster.helm import Helm
from ..cluster.source import source
from ._options import DEFAULT_NAMESPACE, Charts, Env, HelmArgs, HelmBinary, ImageTag, Model, Namespace


def template(
    model: Model,
    namespace: Namespace = DEFAULT_NAMESPACE,
    env: Env = "",
    image_tag: ImageTag = "",
    helm_args: HelmArgs = "",
    charts: Charts = Path("k8s_dev"),
    helm: HelmBinary = "helm",
) -> None:
    """Print the manifests of a model, without a cluster."""
    wanted = source(model, charts=charts, env=env, image_tag=image_tag, helm_args=helm_args)
    print(Helm(helm, namespace).template(wanted.release, wanted.chart, wanted.every_value), end="")

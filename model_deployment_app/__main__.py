"""``python -m model_deployment_app``: the same as ``mda``."""

from .cli import main

main()

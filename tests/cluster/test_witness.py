"""How far a rollout is, in a line."""

import pytest

from model_deployment_app.cluster.evidence import Reason
from model_deployment_app.cluster.witness import progress


def deployment(generation: int = 2, wanted: int = 2, **status: int) -> dict:
    return {"metadata": {"generation": generation}, "spec": {"replicas": wanted}, "status": status}


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (deployment(observedGeneration=2, replicas=2, updatedReplicas=2, readyReplicas=1), "1 of 2 pods ready"),
        (deployment(observedGeneration=2, replicas=2, updatedReplicas=2), "0 of 2 pods ready"),
        # One new pod beside two old ones that are ready: none of what one waits for.
        (deployment(observedGeneration=2, replicas=3, updatedReplicas=1, readyReplicas=2), "0 of 2 pods ready"),
        (deployment(observedGeneration=2, replicas=3, updatedReplicas=2, readyReplicas=2), "1 of 2 pods ready"),
        # The controller has not seen the change yet: what is ready is old.
        (deployment(observedGeneration=1, replicas=2, updatedReplicas=2, readyReplicas=2), "0 of 2 pods ready"),
        (deployment(), "0 of 2 pods ready"),
    ],
)
def test_only_new_pods_are_counted(one: dict, line: str) -> None:
    assert progress([one], None) == line


def test_the_reason_follows_the_count() -> None:
    line = progress([deployment()], Reason("no node takes the pod", "see resources"))

    assert line == "0 of 2 pods ready; no node takes the pod"


def test_before_there_is_a_deployment_nothing_is_counted() -> None:
    assert progress([], None) == "nothing is there yet"

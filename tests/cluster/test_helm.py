import pytest

from model_deployment_app.cluster.helm import Helm, atomic_flags, documents


@pytest.mark.parametrize(
    ("version", "flags"),
    [
        ("v3.6.2+gee407bd\n", ["--atomic", "--wait"]),
        ("v3.19.0+g3d8990f", ["--atomic", "--wait"]),
        ("v4.0.1+g12500dd", ["--rollback-on-failure", "--wait=watcher"]),
    ],
)
def test_each_helm_gets_the_flags_that_it_knows(version: str, flags: list[str]) -> None:
    assert atomic_flags(version) == flags


def test_a_text_that_holds_dashes_is_one_document() -> None:
    manifests = "---\n# Source: a\nkind: A\ntext: |\n  ---\n  b\n---\n# nothing\n--- \nkind: B\n"

    assert [one["kind"] for one in documents(manifests)] == ["A", "B"]


def test_a_release_that_never_was_has_no_history(the_helm: Helm) -> None:
    assert the_helm.history("nobody") == []

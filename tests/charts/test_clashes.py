from pathlib import Path

import pytest

from model_deployment_app.charts import clashes

ANSWERS = {"model_name": "new", "ingress_host": "models.example.com", "ingress_path": "/new", "node_port": ""}


def write_chart(charts: Path, name: str, *paths: str, host: str = "models.example.com", node_port: int = 0) -> None:
    (charts / name).mkdir()
    port = f"  nodePort: {node_port}\n" if node_port else ""
    rules = "".join(f"        - path: {path}\n" for path in paths)
    (charts / name / "values.yaml").write_text(
        f"service:\n  port: 80\n{port}ingress:\n  enabled: false\n  hosts:\n    - host: {host}\n      paths:\n{rules}"
    )


def test_charts_with_paths_and_ports_of_their_own_do_not_clash(tmp_path: Path) -> None:
    write_chart(tmp_path, "iris", "/iris", node_port=30080)
    write_chart(tmp_path, "wine", "/wine", "/iris/wine", node_port=30081)

    assert clashes.find(tmp_path) == []


@pytest.mark.parametrize("path", ["/iris", "/iris/", "/iris//"])
def test_two_charts_cannot_have_one_path(tmp_path: Path, path: str) -> None:
    write_chart(tmp_path, "iris", "/iris")
    write_chart(tmp_path, "wine", "/wine", path)

    lines = clashes.find(tmp_path)

    assert lines == [f"{tmp_path}: iris and wine both take the ingress path models.example.com/iris"]


def test_a_path_may_be_used_once_on_each_host(tmp_path: Path) -> None:
    write_chart(tmp_path, "iris", "/iris")
    write_chart(tmp_path, "wine", "/iris", host="other.example.com")

    assert clashes.find(tmp_path) == []


def test_a_host_is_the_same_in_capitals(tmp_path: Path) -> None:
    write_chart(tmp_path, "iris", "/iris")
    write_chart(tmp_path, "wine", "/iris", host="Models.Example.COM")

    assert len(clashes.find(tmp_path)) == 1


def test_three_charts_that_clash_are_one_line(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_chart(tmp_path, name, "/")

    assert clashes.find(tmp_path) == [f"{tmp_path}: a and b and c both take the ingress path models.example.com/"]


def test_two_charts_cannot_have_one_node_port(tmp_path: Path) -> None:
    write_chart(tmp_path, "iris", "/iris", node_port=30080)
    write_chart(tmp_path, "wine", "/wine", node_port=30080)

    assert clashes.find(tmp_path) == [f"{tmp_path}: iris and wine both take the node port 30080"]


def test_a_path_twice_in_one_chart_is_no_clash(tmp_path: Path) -> None:
    write_chart(tmp_path, "iris", "/iris", "/iris/")

    assert clashes.find(tmp_path) == []


@pytest.mark.parametrize("values", ["", "ingress:", "ingress: {hosts: 3}", "ingress: {hosts: [{paths: [x]}]}", "[]"])
def test_a_chart_without_the_sections_takes_nothing_it_does_not_name(tmp_path: Path, values: str) -> None:
    write_chart(tmp_path, "iris", "/iris")
    (tmp_path / "wine").mkdir()
    (tmp_path / "wine" / "values.yaml").write_text(values)

    assert clashes.find(tmp_path) == []


def test_values_that_cannot_be_read_are_a_line(tmp_path: Path) -> None:
    (tmp_path / "iris").mkdir()
    (tmp_path / "iris" / "values.yaml").write_text("ingress: [")

    (line,) = clashes.find(tmp_path)

    assert line.startswith(f"{tmp_path}/iris/values.yaml: cannot be read: ")
    assert "\n" not in line


def test_answers_that_take_nothing_twice_are_no_clash(tmp_path: Path) -> None:
    write_chart(tmp_path, "iris", "/iris", node_port=30080)

    assert clashes.of_answers(ANSWERS | {"node_port": "30081"}, tmp_path) == []


def test_answers_that_want_what_a_chart_has_are_named(tmp_path: Path) -> None:
    write_chart(tmp_path, "iris", "/iris/", node_port=30080)

    lines = clashes.of_answers(ANSWERS | {"ingress_path": "/iris", "node_port": "30080"}, tmp_path)

    assert lines == [
        f"ingress_path: {tmp_path}/iris has the ingress path models.example.com/iris already",
        f"node_port: {tmp_path}/iris has the node port 30080 already",
    ]


def test_a_chart_does_not_clash_with_itself(tmp_path: Path) -> None:
    write_chart(tmp_path, "new", "/new")

    assert clashes.of_answers(ANSWERS, tmp_path) == []

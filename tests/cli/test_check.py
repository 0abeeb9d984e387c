import json

from constants import publish

from model_deployment_app.cli.check import check


def test_each_of_several_models_is_checked(tmp_path, capsys):
    models = []
    for name in ("a", "b"):
        publish(1, tmp_path / name)
        model = {"method": "LOCAL", "path": str(tmp_path / name)}
        models.append({"name": name, "modelType": "joblib", "job": "regression", "model": model})
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"models": models}))

    check(config, cache_dir=tmp_path / "cache")

    told = capsys.readouterr().out
    assert [line[0] for line in told.splitlines() if "loads and has no passport" in line] == ["a", "b"]

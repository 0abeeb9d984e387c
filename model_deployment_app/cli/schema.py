"""``mda schema``: what Helm checks a chart's values against."""

import json

from ..charts.schema import values_schema


def schema() -> None:
    """Print the JSON schema of values.yaml: chart_template's values.schema.json."""
    print(json.dumps(values_schema(), indent=2, sort_keys=True, ensure_ascii=False))

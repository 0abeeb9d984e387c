"""The schema of a chart's values.yaml: Kubernetes' keys are written here, `config` comes from the settings.

Helm checks values against it before it renders anything, so `helm lint` and `helm install` refuse what the
server would refuse. Draft-07 without `$id` or remote `$ref`: the draft that Helm reads, and it works offline.
"""

from typing import Any

from pydantic import BaseModel

from ..settings import Settings, SeveralModels

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
MAPPING: Schema = {"type": "object"}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}
MAPPINGS: Schema = {"type": "array", "items": MAPPING}
PATH: Schema = {"type": "string", "pattern": "^/"}
QUANTITY: Schema = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?([kMGTPE]i?)?$"}
QUANTITIES: Schema = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
# A Service's, and so a chart's, name.
NAME: Schema = {"type": "string", "pattern": "^([a-z]([-a-z0-9]*[a-z0-9])?)?$"}


def values_schema() -> Schema:
    """The whole schema, as `mda schema` prints it and as `values.schema.json` holds it."""
    definitions: dict[str, Schema] = {}
    # Not anyOf: Helm would tell the faults of both.
    config = {
        "type": "object",
        "if": {"required": ["models"]},
        "then": _hoisted(SeveralModels, definitions),
        "else": _hoisted(Settings, definitions),
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **_section(_KUBERNETES | {"config": _plain(config)}, required=["image", "config"]),
        "definitions": _plain_each(definitions),
    }


def _hoisted(settings: type[BaseModel], definitions: dict[str, Schema]) -> Schema:
    """The schema of *settings*; what it refers to goes into *definitions*."""
    schema = settings.model_json_schema(by_alias=True, ref_template="#/definitions/{model}")
    definitions |= schema.pop("$defs")
    return schema


def _section(properties: dict[str, Schema], *, required: list[str] | None = None) -> Schema:
    """A mapping that is ours: a misspelt key in it is refused."""
    section: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return section | ({"required": required} if required else {})


def _integer(minimum: int, maximum: int = 2**31 - 1) -> Schema:
    return {"type": "integer", "minimum": minimum, "maximum": maximum}


def _plain(schema: Any) -> Any:
    """*schema* without what only repeats it: pydantic's titles and OpenAPI's discriminator."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _plain_each(part) if key == "properties" else _plain(part)
        for key, part in schema.items()
        if key not in ("title", "discriminator")
    }


def _plain_each(schemas: dict[str, Schema]) -> dict[str, Schema]:
    return {name: _plain(schema) for name, schema in schemas.items()}


_PROBE = {"periodSeconds": _integer(1), "timeoutSeconds": _integer(1)}
_COUNTED_PROBE = _PROBE | {"failureThreshold": _integer(1)}

_KUBERNETES: dict[str, Schema] = {
    # Set by a chart that has this one as a dependency.
    "global": MAPPING,
    "replicaCount": _integer(0),
    "image": _section(
        {
            "repository": {"type": "string", "minLength": 1},
            "pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
            "variant": {"enum": ["sklearn", "cpu", "cuda"]},
            "tag": {"type": "string", "pattern": "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$"},
            "digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
        },
        required=["repository"],
    ),
    "service": _section(
        {
            "type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
            "port": _integer(1, 65535),
            "nodePort": _integer(30000, 32767),
            "annotations": TEXTS,
        }
    ),
    "ingress": _section(
        {
            "enabled": FLAG,
            "className": TEXT,
            "annotations": TEXTS,
            "hosts": {
                "type": "array",
                "items": _section(
                    {
                        "host": TEXT,
                        "paths": {
                            "type": "array",
                            "minItems": 1,
                            "items": _section(
                                {
                                    "path": PATH,
                                    "pathType": {"enum": ["Prefix", "Exact", "ImplementationSpecific"]},
                                },
                                required=["path"],
                            ),
                        },
                    },
                    required=["paths"],
                ),
            },
            "tls": MAPPINGS,
        }
    ),
    "auth": _section(
        {
            "existingSecret": {"type": "string", "pattern": "^([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?)?$"},
            "allowAnonymous": FLAG,
        }
    ),
    "resources": _section({"requests": QUANTITIES, "limits": QUANTITIES}),
    "gpu": _section(
        {
            "enabled": FLAG,
            "count": _integer(1),
            "resourceName": {"type": "string", "pattern": "^[a-z0-9.-]+/[A-Za-z0-9._-]+$"},
            "nodeSelector": TEXTS,
            "tolerations": MAPPINGS,
            "runtimeClassName": TEXT,
        }
    ),
    "probes": _section(
        {
            "startup": _section(_PROBE),
            "readiness": _section(_COUNTED_PROBE),
            "liveness": _section(_COUNTED_PROBE),
        }
    ),
    "preStopSeconds": _integer(0),
    "terminationGracePeriodSeconds": _integer(1),
    "strategy": MAPPING,
    "podSecurityContext": MAPPING,
    "securityContext": MAPPING,
    "serviceAccount": _section({"create": FLAG, "name": TEXT, "annotations": TEXTS}),
    "modelVolume": _section({"existingClaim": TEXT, "source": MAPPING | {"maxProperties": 1}, "mountPath": PATH}),
    "modelCache": _section({"sizeLimit": QUANTITY}),
    "podLabels": TEXTS,
    "podAnnotations": TEXTS,
    "imagePullSecrets": MAPPINGS,
    "nodeSelector": TEXTS,
    "tolerations": MAPPINGS,
    "affinity": MAPPING,
    "topologySpreadConstraints": MAPPINGS,
    "extraEnv": MAPPINGS,
    "extraVolumes": MAPPINGS,
    "extraVolumeMounts": MAPPINGS,
    "nameOverride": NAME,
    "fullnameOverride": NAME,
}

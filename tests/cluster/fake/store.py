"""The objects of the API, who owns whom, and what watchers hear."""

import copy
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from . import kinds, selectors
from .kinds import Kind, named
from .refusals import Refusal, not_found

Object = dict[str, Any]


class Change(NamedTuple):
    kind: Kind
    type: str
    object: Object


class Store:
    """Keeps objects by kind, namespace and name; *changed* is called, under the lock, after each write.

    What goes out is a copy: an object of the store is changed by `put` alone.
    """

    def __init__(self, changed: Callable[["Store", Kind, Object], None]) -> None:
        self._changed = changed
        self._objects: dict[tuple[Kind, str, str], Object] = {}
        self.changes: list[Change] = []
        self.news = threading.Condition(threading.RLock())

    @property
    def version(self) -> str:
        """The resourceVersion of the store: the number of changes so far."""
        return str(len(self.changes))

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        with self.news:
            if (kind, namespace, name) not in self._objects:
                raise not_found(kind.plural, name)
            return copy.deepcopy(self._objects[kind, namespace, name])

    def find(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> list[Object]:
        with self.news:
            return [copy.deepcopy(one) for one in self._select(kind, namespace, labels, fields)]

    def create(self, kind: Kind, namespace: str, one: Object) -> Object:
        with self.news:
            name = one["metadata"]["name"]
            if (kind, namespace, name) in self._objects:
                raise Refusal(409, "AlreadyExists", f'{kind.plural} "{name}" already exists')
            if kind.is_namespaced:
                self.get(named("Namespace"), "", namespace)
            return self.put(kind, namespace, one)

    def put(self, kind: Kind, namespace: str, one: Object) -> Object:
        """Write *one*, new or in place of what has its name."""
        with self.news:
            one = copy.deepcopy(one)
            metadata = one["metadata"]
            key = (kind, namespace, metadata["name"])
            old = self._objects.get(key)
            first = old["metadata"] if old else {}
            metadata |= {"namespace": namespace} if namespace else {}
            metadata["uid"] = first.get("uid", str(uuid.uuid4()))
            metadata["creationTimestamp"] = first.get("creationTimestamp", _now())
            is_new_spec = old is None or old.get("spec") != one.get("spec")
            metadata["generation"] = first.get("generation", 0) + is_new_spec
            one |= {"kind": kind.name, "apiVersion": kind.api_version}
            self._objects[key] = one
            self._tell(kind, "MODIFIED" if old else "ADDED", one)
            self._changed(self, kind, copy.deepcopy(one))
            return self.get(*key)

    def delete(self, kind: Kind, namespace: str, name: str) -> Object:
        """Remove an object with all that it owns, or mark it, if a finalizer holds it."""
        with self.news:
            one = self.get(kind, namespace, name)
            if one["metadata"].get("finalizers"):
                one["metadata"].setdefault("deletionTimestamp", _now())
                return self.put(kind, namespace, one)
            del self._objects[kind, namespace, name]
            self._tell(kind, "DELETED", one)
            for owned in [key for key, other in self._objects.items() if _owner(other) == one["metadata"]["uid"]]:
                self.delete(*owned)
            if kind.name == "Namespace":
                for inside in [key for key in self._objects if key[1] == name]:
                    if inside in self._objects:
                        self.delete(*inside)
            return one

    def watch(
        self, kind: Kind, namespace: str, since: int, seconds: float, *, labels: str, fields: str
    ) -> Iterator[Change | None]:
        """The changes after *since*; None now and then, so that a client which has left is noticed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with self.news:
                if len(self.changes) == since:
                    self.news.wait(timeout=1)
                fresh, since = self.changes[since:], len(self.changes)
            for change in fresh:
                is_there = change.object["metadata"].get("namespace", "") == namespace or not namespace
                if change.kind == kind and is_there and selectors.matches(change.object, labels=labels, fields=fields):
                    yield change
            yield None

    def _select(self, kind: Kind, namespace: str, labels: str, fields: str) -> Iterator[Object]:
        for (of, where, _), one in self._objects.items():
            if of == kind and namespace in ("", where) and selectors.matches(one, labels=labels, fields=fields):
                yield one

    def _tell(self, kind: Kind, what: str, one: Object) -> None:
        one["metadata"]["resourceVersion"] = str(len(self.changes) + 1)
        self.changes.append(Change(kind, what, copy.deepcopy(one)))
        self.news.notify_all()


def kind_of(api_version: str, plural: str) -> Kind:
    if kind := kinds.find(api_version, plural):
        return kind
    raise Refusal(404, "NotFound", "the server could not find the requested resource")


def _owner(one: Object) -> str | None:
    return next((owner["uid"] for owner in one["metadata"].get("ownerReferences", [])), None)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

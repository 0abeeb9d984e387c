"""Every fault, and what must come of it: one table, for pytest and for `make storage-faults`."""

import gzip
from typing import Any

from fake_gcs import well

from . import acts
from .acts import KILLS, RACERS, after_damage, with_credentials
from .bench import GENERATION, READY, model, sha256
from .case import Case
from .faults import (
    BUSY,
    CUT,
    FORBIDDEN,
    HALF,
    NEWER,
    OTHER,
    UNAVAILABLE,
    all_of,
    compressed,
    flip,
    hashes_joined,
    holding,
    lacking,
    longer,
    page,
    replaced,
    says,
    truncated,
    whole,
    with_header,
    with_reply,
    without,
)

_FAULTS = ("describing", "listing", "sending", "granting", "ignores_generations")
#: A store's blob is compressed.
ZIPPED = gzip.compress(model(), mtime=0)


def ends(expected: str, name: str, *words: str, **more: Any) -> Case:
    faults = {key: more.pop(key) for key in _FAULTS if key in more}
    return Case(name, expected, words, faults, **more)


def ready(name: str, **more: Any) -> Case:
    return ends(READY, name, **more)


def unavailable(name: str, *words: str, **more: Any) -> Case:
    """What may heal: tried until the budget is spent."""
    return ends("ArtifactUnavailable", name, *words, **{"budget_s": 1.0, "within_s": 4.0, **more})


def denied(name: str, *words: str, **more: Any) -> Case:
    return ends("ArtifactDenied", name, *words, **more)


def missing(name: str, *words: str, **more: Any) -> Case:
    return ends("ArtifactNotFound", name, *words, **more)


def rejected(name: str, *words: str, **more: Any) -> Case:
    return ends("ArtifactRejected", name, *words, **more)


def unusable(name: str, *words: str, **more: Any) -> Case:
    return ends("CacheUnusable", name, "MODEL_CACHE_DIR", *words, **more)


def wrong_project(name: str, status: int, message: str, reason: str, **more: Any) -> Case:
    fault = says(status, message, reason, **more)
    return denied(f"wrong project: {name}", "project is wrong", "config.model.projectName (acme)", describing=[fault])


EXPIRED = says(401, "Invalid Credentials", "authError")
UNHASHED = without("x-goog-hash")
PINNED = {"sha256": sha256(model())}
TWO_GENERATIONS = (f"generation is {OTHER}", f"has generation {GENERATION}")

CASES = [
    ready("none"),
    # It does not answer for now.
    ready("503 twice, then well", sending=[UNAVAILABLE, UNAVAILABLE, well]),
    ready("503 twice for the metadata", describing=[UNAVAILABLE, UNAVAILABLE, well]),
    unavailable("503 always", "503", "internal error", "attempts:", sending=[UNAVAILABLE]),
    unavailable("503 always, a page", "503", describing=[page(503)]),
    ready("429 twice, then well", sending=[BUSY, BUSY, well]),
    unavailable("429 always", "429", describing=[BUSY]),
    ready("403 that means 429", sending=[says(403, "Slow down", "userRateLimitExceeded"), well]),
    ready("408, then well", sending=[says(408, "Request timeout"), well]),
    # It does not know us, or says no.
    denied("no credentials", "no Google credentials found", "Workload Identity", act=with_credentials(None)),
    denied("credentials unreadable", "cannot be read", "broken.json", act=with_credentials("broken.json")),
    denied("credentials missing", "cannot be read", "missing.json", act=with_credentials("missing.json")),
    denied("credentials in a folder", "cannot be read", "Is a directory", act=with_credentials(".")),
    denied("credentials no object", "cannot be read", act=with_credentials("list.json")),
    denied(
        "credentials revoked",
        "expired or were revoked",
        "gcloud auth application-default login",
        granting=[with_reply(status=400, body=b'{"error": "invalid_grant", "error_description": "Bad Request"}')],
        act=with_credentials("federated.json"),
    ),
    ready("credentials that hold", act=with_credentials("federated.json")),
    denied("401 expired", "expired", "gcloud auth application-default login", describing=[EXPIRED]),
    denied("401 with credentials", "Invalid Cred", describing=[EXPIRED], act=with_credentials("federated.json")),
    denied("401 in mid-start", "expired", sending=[EXPIRED]),
    denied(
        "403 no right to read",
        "roles/storage.objectViewer",
        "bucket models",
        "reader@acme.iam.gserviceaccount.com",
        describing=[FORBIDDEN],
    ),
    denied("403 for the bytes", "roles/storage.objectViewer", "reader@acme.iam", sending=[FORBIDDEN]),
    denied("403 a proxy's page", "forbidden", describing=[page(403)]),
    denied(
        "403 VPC Service Controls",
        "forbidden by the organization",
        describing=[says(403, "Request is prohibited by organization's policy.", "vpcServiceControls")],
    ),
    wrong_project("disabled", 403, "The account of the bucket has been disabled.", "accountDisabled"),
    wrong_project("unknown", 400, "Unknown project id: acme", "invalid"),
    wrong_project("API off", 403, "Not used before", "forbidden", details=[{"reason": "SERVICE_DISABLED"}]),
    wrong_project("no billing", 403, "The billing account is closed", "userProjectAccountProblem"),
    # Nothing is there.
    missing("404 bucket", "no bucket roses", "config.model.bucketName", source={"uri": "gs://roses/iris"}),
    missing("404 blob", "iris/iris.joblib", "config.model.blobDir", source={"uri": "gs://models/iris/irsi"}),
    missing("404 named, but not given", "does not have it", sending=[says(404, "No such object: models/iris")]),
    # It is slow, or breaks off.
    unavailable("silence after half", "kB of", "startupSeconds", sending=[with_reply(stall_at=HALF)], keeps_part=True),
    unavailable("silence from the start", describing=[with_reply(stall_at=1)]),
    unavailable("a byte each 50 ms", "B of", "startupSeconds", sending=[with_reply(drip_s=0.05)], keeps_part=True),
    # Nothing has come, but whoever waits for the headers has the file open.
    unavailable("headers that drip", "no whole answer", sending=[with_reply(header_drip_s=0.05)], keeps_part=True),
    unavailable("metadata that drips", "no whole answer", describing=[with_reply(drip_s=0.05)]),
    unavailable("cut at the first byte, always", "connection broke", "attempts:", sending=[with_reply(cut_at=0)]),
    ready("cut once, then the rest", sending=[CUT, well]),
    ready("cut after each 150 kB", sending=[with_reply(cut_at=150_000)]),
    ready("cut in the metadata once", describing=[with_reply(cut_at=20), well]),
    ready("cut in chunks once", sending=[all_of(without("Content-Length"), CUT), well]),
    # What comes is not what is stored.
    ready("flipped once", sending=[flip, well]),
    rejected("flipped always", "damaged", "crc32c", sending=[flip]),
    rejected("flipped always, no hash header", "damaged", "crc32c", sending=[all_of(flip, UNHASHED)]),
    rejected(
        "flipped always, no checksum at all",
        "its sha256 is",
        describing=[lacking("crc32c")],
        sending=[all_of(flip, UNHASHED)],
        source=PINNED,
    ),
    ready(
        "flipped once, no checksum at all",
        describing=[lacking("crc32c")],
        sending=[all_of(flip, UNHASHED), UNHASHED],
        source=PINNED,
    ),
    rejected("another sha256 than pinned", "its sha256 is", "0" * 64, source={"sha256": "0" * 64}),
    unavailable("a login page with 200", "login page", describing=[page(200)]),
    unavailable("a login page for the bytes", "a web page came", sending=[page(200)]),
    ready("a login page once", describing=[page(200), well], sending=[page(200), well]),
    unavailable("JSON that is not Google's", "not Google", describing=[with_reply(body=b"[]")]),
    unavailable("JSON too deep", "not Google", describing=[with_reply(body=b"[" * 100_000)]),
    denied("JSON too deep in a refusal", "forbidden", sending=[with_reply(status=403, body=b"[" * 100_000)]),
    unavailable(
        "a redirect to nowhere", "not Google", sending=[all_of(says(302, ""), with_header("Location", "http://["))]
    ),
    unavailable("half, with a length that fits", "were expected", sending=[truncated]),
    rejected("more than was named", "more came", sending=[longer]),
    # Another generation.
    ready("generation as pinned", source={"generation": GENERATION}),
    rejected("generation is another", *TWO_GENERATIONS, source={"generation": OTHER}),
    rejected("generations ignored", *TWO_GENERATIONS, ignores_generations=True, source={"generation": OTHER}),
    rejected(
        "generations ignored for the bytes",
        *TWO_GENERATIONS,
        ignores_generations=True,
        describing=[holding(generation=str(OTHER))],
        source={"generation": OTHER},
    ),
    rejected(
        "generations never named",
        f"generation is {OTHER}",
        "does not say",
        ignores_generations=True,
        describing=[lacking("generation")],
        sending=[without("x-goog-generation")],
        source={"generation": OTHER},
    ),
    ready("replaced in mid-download", sending=[replaced, well], loaded=NEWER),
    rejected(
        "replaced in mid-download, pinned",
        f"generation is {GENERATION}",
        f"has generation {OTHER}",
        sending=[replaced, well],
        source={"generation": GENERATION},
        keeps_part=True,
    ),
    ready(
        "replaced, generations ignored",
        ignores_generations=True,
        describing=[well, holding(generation=str(GENERATION)), well],
        sending=[replaced, well],
        loaded=NEWER,
    ),
    # It speaks HTTP in its own way.
    ready("Range ignored", sending=[CUT, whole]),
    ready("another range than asked", sending=[CUT, with_header("Content-Range", "bytes 5-9/99"), well]),
    ready("206 without Content-Range", sending=[CUT, without("Content-Range"), well]),
    ready(
        "a range beyond numbers", sending=[CUT, with_header("Content-Range", f"bytes {HALF}-{HALF}/{'9' * 5000}"), well]
    ),
    ready("a length that is none", sending=[with_header("Content-Length", "\xb2")]),
    ready("a wait that is none", sending=[all_of(UNAVAILABLE, with_header("Retry-After", "\xb2")), well]),
    ready("416", sending=[CUT, says(416, "Request range not satisfiable"), well]),
    ready("no length, in chunks", sending=[without("Content-Length")]),
    ready("no crc32c in the metadata", describing=[lacking("crc32c")]),
    ready("no checksum, no size", describing=[lacking("crc32c", "md5Hash", "size")], sending=[UNHASHED]),
    ready("no generation", describing=[lacking("generation")], sending=[CUT, without("x-goog-generation")]),
    ready("hashes in one header", describing=[lacking("crc32c")], sending=[hashes_joined]),
    ready("compressed by a proxy", sending=[compressed]),
    ready("compressed before it was stored", act=acts.stored_compressed, loaded=ZIPPED),
    ready(
        "compressed, and not said so",
        describing=[lacking("contentEncoding")],
        sending=[without("x-goog-stored-content-encoding")],
        act=acts.stored_compressed,
        loaded=ZIPPED,
    ),
    # The disk.
    unusable(
        "no room, refused at once",
        "needed",
        "free",
        describing=[holding(size=str(10**17))],
        sending=[without("Content-Length")],
    ),
    unusable("disk full in mid-download, EFBIG", "File too large", "needed", "free", act=acts.without_room),
    unusable("disk full in mid-download, ENOSPC", "No space left", "free", act=acts.on_a_full_disk),
    unusable("cache: gone in mid-download", "No such file", act=acts.cache_gone),
    ready("cache: artifact cut", act=after_damage(acts.cut_artifact)),
    ready("cache: artifact flipped", act=after_damage(acts.flipped_artifact)),
    ready("cache: a folder for the artifact", act=after_damage(acts.folder_for_artifact)),
    ready("cache: a file for the folder", act=after_damage(acts.file_for_folder)),
    ready("cache: index garbled", act=after_damage(acts.garbled_index)),
    ready("cache: part is not of the blob", act=acts.garbage_first),
    ready("store gone, sha256 in the cache", source=PINNED, act=after_damage(acts.unreachable_store)),
    # Other processes.
    ready(f"{RACERS} processes race", within_s=20.0, act=acts.racing),
    ready(f"SIGKILL in mid-download, {KILLS} times", act=acts.killed),
]

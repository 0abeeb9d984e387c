"""Google's errors in words of the person who has to act: cause and next step, in one line of bounded length."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth

from ..errors import ArtifactDenied, ArtifactNotFound, ArtifactUnavailable, LoadError

#: What the JSON API answers where a project, not a permission, is at fault.
#: https://cloud.google.com/storage/docs/json_api/v1/status-codes, https://google.aip.dev/193 (ErrorInfo).
_PROJECT_REASONS = {
    "accountDisabled",
    "userProjectAccessDenied",
    "userProjectAccountProblem",
    "userProjectInconsistent",
    "userProjectInvalid",
    "userProjectMissing",
    "accessNotConfigured",
    "usageLimits.accessNotConfigured",
    "BILLING_DISABLED",
    "CONSUMER_INVALID",
    "CONSUMER_SUSPENDED",
    "RESOURCE_PROJECT_INVALID",
    "SERVICE_DISABLED",
    "USER_PROJECT_DENIED",
}
_PROJECT_WORDS = re.compile(r"(?<![\w/.-])(?:projects?|billing account)(?![\w/-])", re.IGNORECASE)
_BUSY_REASONS = {"rateLimitExceeded", "userRateLimitExceeded", "usageLimits.rateLimitExceeded", "quotaExceeded"}
_RENEW = (
    "on a laptop run `gcloud auth application-default login`; in a pod see the service account, its key or its "
    "Workload Identity binding"
)


def split(uri: str) -> tuple[str, str]:
    """Bucket and blob. What looks like a query or a fragment is part of a blob's name."""
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    return bucket, name.strip("/")


@contextmanager
def translated(uri: str, project: str | None, *, role: str = "roles/storage.objectViewer") -> Iterator[None]:
    """Our errors in place of Google's; *role* is what the work needs.

    Raises
    ------
    ArtifactNotFound, ArtifactDenied, ArtifactUnavailable
    """
    try:
        yield
    except (auth.GoogleAuthError, api.GoogleAPIError, requests.RequestException, ConnectionError) as error:
        raise _refusal(error, uri, project, role) from error


def _refusal(error: Exception, uri: str, project: str | None, role: str) -> LoadError:
    bucket, _ = split(uri)
    words = _words(error)
    match error:
        case auth.InvalidOperation():  # what was sent in place of credentials cannot be renewed after a 401
            return _refusal(api.Unauthorized("none are sent to STORAGE_EMULATOR_HOST"), uri, project, role)
        case api.Unauthorized():
            return ArtifactDenied(f"{uri}: the Google credentials are expired or invalid ({words}): {_RENEW}")
        case auth.DefaultCredentialsError() if "were not found" in words:
            return ArtifactDenied(
                f"{uri}: no Google credentials found: run `gcloud auth application-default login`, set "
                "GOOGLE_APPLICATION_CREDENTIALS, or give the pod a service account with Workload Identity"
            )
        case auth.DefaultCredentialsError():
            return ArtifactDenied(
                f"{uri}: the Google credentials cannot be read ({words}): correct GOOGLE_APPLICATION_CREDENTIALS"
            )
        case auth.TransportError() | auth.GoogleAuthError(retryable=True):
            return ArtifactUnavailable(
                f"{uri}: no access token can be had ({words}): check network, DNS and egress rules"
            )
        case auth.RefreshError() if "getAccessToken" in words or "metadata" in words:
            return ArtifactDenied(
                f"{uri}: the pod's identity gets no access token ({words}): grant roles/iam.workloadIdentityUser on "
                "the Google service account to the pod's service account"
            )
        case auth.GoogleAuthError():
            return ArtifactDenied(f"{uri}: the Google credentials have expired or were revoked ({words}): {_RENEW}")
        case api.GoogleAPICallError() if _is_busy(error):
            busy = ArtifactUnavailable(
                f"{uri}: the store failed ({error.code or ''} {words}): if it lasts, see status.cloud.google.com"
            )
            busy.wait_s = _wait_s(error)
            return busy
        case api.Forbidden() | api.BadRequest() | api.NotFound() if _is_about_project(error, words):
            return ArtifactDenied(
                f"{uri}: the Google Cloud project is wrong or cannot be used ({words}): correct "
                f"config.model.projectName ({project}) or the quota project of the credentials, and see that its "
                "billing and its Cloud Storage API are on"
            )
        case api.Forbidden() if "organization" in words:
            return ArtifactDenied(
                f"{uri}: forbidden by the organization ({words}): ask those who run its VPC Service Controls"
            )
        case api.Forbidden():
            return ArtifactDenied(
                f"{uri}: forbidden: grant {role} on the bucket {bucket} (project {project}) to {_account(words)}"
            )
        case api.NotFound():
            return ArtifactNotFound(
                f"{uri}: no bucket {bucket}: correct config.model.bucketName, or create it in project {project}"
            )
        case requests.RequestException() if isinstance(error, requests.Timeout) or "timed out" in words:
            return ArtifactUnavailable(f"{uri}: the store does not answer in time: check network and egress rules")
        case requests.JSONDecodeError():
            return not_a_store(uri)
        case requests.RequestException() | ConnectionError():
            return ArtifactUnavailable(
                f"{uri}: the store cannot be reached ({type(error).__name__}): check network, DNS and egress rules"
            )
    return ArtifactDenied(f"{uri}: the store refused the request ({words}): correct config.model")


def not_a_store(uri: str) -> ArtifactUnavailable:
    return ArtifactUnavailable(
        f"{uri}: what answers is not Google Cloud Storage: look for a proxy or a login page in between"
    )


def _is_busy(error: api.GoogleAPICallError) -> bool:
    return (error.code or 500) >= 500 or error.code in (408, 429) or bool(_reasons(error) & _BUSY_REASONS)


def _is_about_project(error: api.GoogleAPICallError, words: str) -> bool:
    is_about_access = "does not have storage." in words or "No such object" in words
    return bool(_reasons(error) & _PROJECT_REASONS) or (not is_about_access and bool(_PROJECT_WORDS.search(words)))


def _account(words: str) -> str:
    found = re.match(r"([\w.+-]+@[\w.-]+) does not have", words)
    return found[1] if found else "the service account that the server runs as"


def _wait_s(error: api.GoogleAPICallError) -> float | None:
    value = getattr(error.response, "headers", {}).get("Retry-After", "")
    return float(value) if re.fullmatch("[0-9]{1,9}", value) else None


def _reasons(error: api.GoogleAPICallError) -> set[str]:
    told = _told(error.response)
    entries = [entry for key in ("errors", "details") if isinstance(told.get(key), list) for entry in told[key]]
    return {str(entry.get("reason")) for entry in entries if isinstance(entry, dict)}


def _words(error: Exception) -> str:
    """What the other side says, in one line of at most 200 characters."""
    if isinstance(error, api.GoogleAPICallError):
        text = str(_told(error.response).get("message") or _plain(error.response) or error.message)
    else:
        text = str(error.args[0]) if error.args else ""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split()) or type(error).__name__
    return line if len(line) <= 200 else f"{line[:199]}…"


def _told(response: Any) -> dict[str, Any]:
    """Google's error object, or nothing."""
    try:
        told = response.json()["error"]
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _plain(response: Any) -> str:
    """A download is refused in plain text; a page is for people who look at it."""
    text = getattr(response, "text", "").strip()
    return text if text and not text.startswith("<") else getattr(response, "reason", "")

"""Google's errors that no store on loopback can be made to raise."""

import pytest
from google.auth import exceptions as auth

from model_deployment_app.artifacts._refusals import translated
from model_deployment_app.errors import ArtifactDenied, ArtifactUnavailable, LoadError

METADATA = (
    "Failed to retrieve http://metadata.google.internal/computeMetadata/v1/ from the Google Compute Engine metadata "
    "service. Status: 403 Response:\nPermission 'iam.serviceAccounts.getAccessToken' denied on resource"
)


@pytest.mark.parametrize(
    ("raised", "error", "words"),
    [
        (
            auth.RefreshError("invalid_grant: expired", {"error": "invalid_grant"}),
            ArtifactDenied,
            "have expired or were",
        ),
        (auth.RefreshError(METADATA), ArtifactDenied, "roles/iam.workloadIdentityUser"),
        (auth.RefreshError("internal_failure", retryable=True), ArtifactUnavailable, "no access token can be had"),
        (auth.TransportError("no route to host"), ArtifactUnavailable, "no access token can be had"),
        (auth.ReauthFailError("password needed"), ArtifactDenied, "gcloud auth application-default login"),
    ],
    ids=["expired", "no binding", "busy", "no route", "log in again"],
)
def test_a_token_that_cannot_be_had_is_refused_with_the_next_step(
    raised: Exception, error: type[LoadError], words: str
) -> None:
    with pytest.raises(error) as caught, translated("gs://models/iris", "acme"):
        raise raised

    line = str(caught.value)
    assert words in line
    assert line.isprintable()
    assert len(line) < 600

"""The operations of the Open Inference Protocol."""

from andon.settings.serve import ServeSettings
from andon.web.openapi.inference import inference_paths

PATHS = inference_paths(ServeSettings(), [])


def test_a_model_and_one_version_of_it_have_the_same_addresses() -> None:
    """Whoever names a version gets no less."""
    model, version = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"
    named = {path.removeprefix(model) for path in PATHS if path.startswith(model) and not path.startswith(version)}
    assert named == {path.removeprefix(version) for path in PATHS if path.startswith(version)}
    assert "/infer" in named


def test_errors_are_told_as_the_protocol_does() -> None:
    """Beside problems, for what is refused before the address is known."""
    answers = PATHS["/v2/models/{model}/infer"]["post"]["responses"]
    assert list(answers["400"]["content"]) == ["application/json", "application/problem+json"]


def test_who_asks_for_readiness_is_told_no_time_to_wait() -> None:
    """503 is an answer there, and no refusal."""
    for path in ("/v2/health/ready", "/v2/models/{model}/ready"):
        assert "Retry-After" not in PATHS[path]["get"]["responses"]["503"]["headers"]

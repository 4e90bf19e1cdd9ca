"""The two addresses that describe the service."""

from pathlib import Path

from tests.support.served import asked


def test_the_document_shows_the_models_that_are_served(colours: Path) -> None:
    """Their names and versions are its examples, and lead to them."""
    with asked(colours) as client:
        document = client.get("/openapi.json").json()
        (model, version) = document["paths"]["/predict/{model}/{version}"]["parameters"]
        (name,), (number,) = model["schema"]["examples"], version["schema"]["examples"]
        assert client.get(f"/v2/models/{name}/versions/{number}").status_code == 200


def test_with_a_token_no_version_is_told(colours: Path) -> None:
    """The document is open: it says what `/ready` says, the names."""
    with asked(colours, token="t" * 16) as client:
        text = client.get("/openapi.json").text
        version = client.get("/models", headers={"Authorization": "Bearer " + "t" * 16}).json()["models"][0]
        assert "colours" in text
        assert version["version"] not in text


def test_the_page_is_of_the_address_that_was_asked(colours: Path) -> None:
    """Its commands lead back to the service."""
    with asked(colours) as client:
        html = client.get("/docs?lang=zh", headers={"Host": "line-4:5555"})
        assert html.status_code == 200
        assert "http://line-4:5555/predict/colours" in html.text
        assert '<html lang="zh-CN">' in html.text

"""
A FastAPI application of one's own, with the service of a bundle under `/inspection`.

    BUNDLE=scratch.andon uvicorn --workers 2 --port 5555 fastapi_app:app
    curl -F file=@part.png http://127.0.0.1:5555/inspection/run
"""

import os

from fastapi import FastAPI

from andon.integrations.fastapi import router
from andon.settings.serve import ServeSettings

app = FastAPI(title="Hall 3")
app.include_router(
    router(os.environ["BUNDLE"], settings=ServeSettings(threads=1)),
    prefix="/inspection",
    tags=["inspection"],
)


@app.get("/")
def home() -> dict[str, str]:
    """Answer with a page of the application's own."""
    return {"about": "the application around it"}

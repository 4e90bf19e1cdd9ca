"""
A Django project in one file, with the service of a bundle under `/inspection`.

    BUNDLE=scratch.andon gunicorn -w 2 -b 127.0.0.1:5555 django_app:application
    curl -F file=@part.png http://127.0.0.1:5555/inspection/run
"""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from andon.integrations.django import andon_urls

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
)


def home(request: HttpRequest) -> HttpResponse:
    """Answer with a page of the project's own."""
    return HttpResponse(f"the project around it, asked for {request.path}", content_type="text/plain")


urlpatterns = [
    path("", home),
    path("inspection/", include(andon_urls(os.environ["BUNDLE"]))),
]

application = get_wsgi_application()
asgi_application = get_asgi_application()

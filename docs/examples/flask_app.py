"""
A Flask application of one's own, with the service of a bundle under `/inspection`.

    gunicorn -w 2 -b 127.0.0.1:5555 'flask_app:create_app("scratch.andon")'
    curl -F file=@part.png http://127.0.0.1:5555/inspection/run
"""

from flask import Flask

from andon.integrations.flask import blueprint


def create_app(bundle: str) -> Flask:
    """Make the application; each process loads the bundle and proves it."""
    app = Flask(__name__)
    app.register_blueprint(blueprint(bundle), url_prefix="/inspection")

    @app.get("/")
    def home() -> str:
        return "the application around it"

    return app

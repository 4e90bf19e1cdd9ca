"""What Prometheus scrapes: counters of requests and predictions, and gauges read when they are asked for."""

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from andon.predictions import Prediction
from andon.service import Service
from andon.web.messages import ModelFacts

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """
    Counts what one service does; each service has its own.

    Args:
        service: Its models and its engine are asked at each scrape.
    """

    def __init__(self, service: Service) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(_ServiceCollector(service))
        self._requests = Counter(
            "andon_requests", "Requests by route and status.", ("route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "andon_request_seconds",
            "From the head of a request until its answer was handed over.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._stages = Histogram(
            "andon_stage_seconds",
            "Time of one image in each stage.",
            ("model", "version", "stage"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._predictions = Counter(
            "andon_predictions", "Images by verdict.", ("model", "version", "verdict"), registry=self._registry
        )
        self._failures = Counter(
            "andon_failed_images",
            "Images without a label by the code of their error.",
            ("model", "version", "code"),
            registry=self._registry,
        )

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count one request; the route is its pattern, so that clients cannot make new ones."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_predictions(self, predictions: Sequence[Prediction], model: ModelFacts) -> None:
        """Count the images of one request."""
        for prediction in predictions:
            self._predictions.labels(model.name, model.version, prediction.verdict.name).inc()
            if prediction.error is not None:
                self._failures.labels(model.name, model.version, prediction.error.code).inc()
            for stage, duration_ms in prediction.timings_ms.items():
                self._stages.labels(model.name, model.version, stage).observe(duration_ms / 1e3)

    def exposition(self) -> bytes:
        """Write all of it in Prometheus' text format."""
        return generate_latest(self._registry)


class _ServiceCollector(Collector):
    """Reads the service at each scrape."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        statistics = self._service.statistics()
        held = GaugeMetricFamily("andon_jobs", "Images that the engine holds.", labels=("state",))
        held.add_metric(["queued"], statistics.queued)
        held.add_metric(["running"], statistics.running)
        yield held
        yield GaugeMetricFamily("andon_held_bytes", "Bytes of the images that the engine holds.", statistics.held_bytes)
        jobs = CounterMetricFamily("andon_engine_jobs", "Images by what became of them.", labels=("outcome",))
        for outcome in ("answered", "expired", "cancelled", "refused"):
            jobs.add_metric([outcome], getattr(statistics, outcome))
        yield jobs
        ready = GaugeMetricFamily("andon_model_ready", "Whether a model is ready.", labels=("model", "version"))
        passed_over = GaugeMetricFamily(
            "andon_model_passed_over",
            "Executions of a bundle that come before the one in use and do not hold, load or run here.",
            labels=("model", "version"),
        )
        facts = InfoMetricFamily("andon_model", "Which models are served, and how.")
        for model in self._service.models():
            version = model.loaded.version if model.loaded else ""
            ready.add_metric([model.name, version], float(model.state == "ready"))
            if model.loaded:
                execution = model.loaded.execution
                passed_over.add_metric([model.name, version], len(model.loaded.passed_over))
                facts.add_metric(
                    [],
                    {
                        "model": model.name,
                        "version": version,
                        "digest": model.loaded.digest,
                        "runtime": execution.runtime,
                        "precision": execution.precision,
                        "device": execution.device,
                    },
                )
        yield ready
        yield passed_over
        yield facts

"""What Prometheus scrapes: counters of requests and predictions, and gauges read when they are asked for."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from andon.predictions import Prediction
from andon.service import Service
from andon.web.messages import ModelFacts

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_Metric = TypeVar("_Metric", bound=MetricWrapperBase)


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
        self._requests = self._counter("andon_requests", "Requests by route and status.", "route", "status")
        self._seconds = self._histogram(
            "andon_request_seconds", "From the head of a request until its answer was handed over.", "route"
        )
        self._stages = self._histogram(
            "andon_stage_seconds", "Time of one image in each stage.", "model", "version", "stage"
        )
        self._predictions = self._counter("andon_predictions", "Images by verdict.", "model", "version", "verdict")
        self._failures = self._counter(
            "andon_failed_images", "Images without a label by the code of their error.", "model", "version", "code"
        )

    def _counter(self, name: str, meaning: str, *labels: str) -> "_Children[Counter]":
        return _Children(Counter(name, meaning, labels, registry=self._registry))

    def _histogram(self, name: str, meaning: str, *labels: str) -> "_Children[Histogram]":
        return _Children(Histogram(name, meaning, labels, buckets=_SECONDS, registry=self._registry))

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count one request; the route is its pattern, so that clients cannot make new ones."""
        self._requests[route, str(status)].inc()
        self._seconds[(route,)].observe(seconds)

    def count_predictions(self, predictions: Sequence[Prediction], model: ModelFacts) -> None:
        """Count the images of one request."""
        for prediction in predictions:
            self._predictions[model.name, model.version, prediction.verdict.name].inc()
            if prediction.error is not None:
                self._failures[model.name, model.version, prediction.error.code].inc()
            for stage, duration_ms in prediction.timings_ms.items():
                self._stages[model.name, model.version, stage].observe(duration_ms / 1e3)

    def exposition(self) -> bytes:
        """Write all of it in Prometheus' text format."""
        return generate_latest(self._registry)


class _Children(dict[tuple[str, ...], _Metric]):
    """The children of a metric by their labels; to ask the metric itself costs every request several times as much."""

    def __init__(self, metric: _Metric) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, labels: tuple[str, ...]) -> _Metric:
        child = self[labels] = self._metric.labels(*labels)
        return child


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
        for outcome in ("answered", "expired", "cancelled", "refused", "quarantined"):
            jobs.add_metric([outcome], getattr(statistics, outcome))
        yield jobs
        yield CounterMetricFamily(
            "andon_engine_retries", "Images given to another worker, because the first ended.", statistics.retried
        )
        yield GaugeMetricFamily("andon_workers", "Workers that are ready.", statistics.workers)
        yield CounterMetricFamily(
            "andon_replaced_workers", "Workers that ended, or were stuck or stopped.", statistics.replaced
        )
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

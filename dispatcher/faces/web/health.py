"""/readyz for a load balancer, /metrics for Prometheus. Home of prometheus_client.

Figures are for this machine, or for who has the token: how many letters wait for whom is nobody else's business.
"""

from collections.abc import Iterator
from hmac import compare_digest
from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from starlette.routing import Route

from dispatcher.faces.web.gate import CalmErrors
from dispatcher.services.health import BOUNDS, Figures, Health
from dispatcher.services.house import House
from dispatcher.services.store import StoreUnavailable

_FOR_WHOM = (
    "Metrics are shown to this machine only, and to who sends the token of DISPATCHER_WEB__METRICS_TOKEN "
    "(Authorization: Bearer TOKEN). Where the form has a public address, the token is needed on this machine too: "
    "what a proxy hands on would look as if it came from here.\n"
)
# What proxies add to what they hand on.
_HANDED_ON = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def health_routes(house: House, *, metrics_token: str) -> list[Route]:
    app = _HealthPages(house, metrics_token).app
    return [Route(path, app) for path in ("/readyz", "/metrics")]


class _HealthPages:
    def __init__(self, house: House, token: str) -> None:
        self._health = Health(store=house.store, clock=house.clock)
        self._token = token.encode()
        self._is_local = _is_loopback(urlsplit(house.public_url).hostname)
        self._registry = CollectorRegistry()
        self._registry.register(_Reading(self._health))
        self.app = app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.add_middleware(CalmErrors, answer=_broken)
        app.add_exception_handler(StoreUnavailable, _no_database)
        app.get("/readyz")(self.readyz)
        app.get("/metrics")(self.metrics)

    def readyz(self) -> Response:
        readiness = self._health.readiness()
        document = {"ready": readiness.ready, "problems": readiness.problems}
        return JSONResponse(document, status_code=200 if readiness.ready else 503)

    def metrics(self, request: Request) -> Response:
        if not self._may_see(request):
            return PlainTextResponse(_FOR_WHOM, status_code=403)
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    def _may_see(self, request: Request) -> bool:
        kind, _, shown = request.headers.get("authorization", "").partition(" ")
        if self._token and kind.lower() == "bearer" and compare_digest(shown.strip().encode(), self._token):
            return True
        handed_on = any(name in request.headers for name in _HANDED_ON)
        return (
            self._is_local
            and not handed_on
            and request.client is not None
            and _is_loopback(request.client.host)
        )


class _Reading(Collector):
    """Made anew at each scrape."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def describe(self) -> list[Metric]:
        """Nothing: registering must not ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        figures = self._health.figures()
        yield from _gauges(figures)
        outcomes = CounterMetricFamily(
            "dispatcher_attempts",
            "Attempts since this process started, by what the next hop answered",
            labels=["kind", "outcome"],
        )
        for (kind, outcome), count in figures.outcomes.items():
            outcomes.add_metric([kind, outcome], count)
        yield outcomes
        settled = HistogramMetricFamily(
            "dispatcher_due_to_settled_seconds",
            "From the hour a mail was due to the answer that settled it, since this process started",
            labels=["kind"],
        )
        for kind, each in figures.settled.items():
            total, buckets = 0, []
            for bound, count in zip((*map(str, map(float, BOUNDS)), "+Inf"), each.counts, strict=True):
                total += count
                buckets.append((bound, float(total)))
            settled.add_metric([kind], buckets, sum_value=each.seconds)
        yield settled


def _gauges(figures: Figures) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "dispatcher_deliveries",
        "Rows of the outbox that have not reached their end well, by state",
        labels=["kind", "state"],
    )
    for (kind, state), count in figures.waiting.items():
        waiting.add_metric([kind, state], count)
    yield waiting
    overdue = GaugeMetricFamily(
        "dispatcher_oldest_due_seconds",
        "For how long the oldest queued row has been due; 0 when nothing is due",
        labels=["kind"],
    )
    for kind in ("letter", "notice"):
        overdue.add_metric([kind], figures.overdue.get(kind, 0.0))
    yield overdue
    in_doubt = sum(count for (_, state), count in figures.waiting.items() if state == "in_doubt")
    yield GaugeMetricFamily(
        "dispatcher_in_doubt", "Rows of which nobody knows whether they arrived", in_doubt
    )
    paused = GaugeMetricFamily("dispatcher_paused", "1 for each pause that stands", labels=["scope", "key"])
    for scope, key in figures.pauses:
        paused.add_metric([scope, key], 1)
    yield paused
    yield GaugeMetricFamily(
        "dispatcher_paused_missions",
        "Missions that nothing is sent to now",
        sum(scope == "mission" for scope, _ in figures.pauses),
    )
    couriers = GaugeMetricFamily(
        "dispatcher_couriers", "Couriers, by whether they gave a sign of life lately", labels=["sign"]
    )
    couriers.add_metric(["alive"], figures.couriers_alive)
    couriers.add_metric(["silent"], figures.couriers_silent)
    yield couriers
    yield GaugeMetricFamily("dispatcher_log_blocks", "Sealed blocks of the log", figures.blocks)
    yield GaugeMetricFamily(
        "dispatcher_log_unsealed_rows", "Rows of the log that wait for their seal", figures.unsealed
    )


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return host is not None and ip_address(host).is_loopback
    except ValueError:
        return False


def _no_database(_: Request, problem: Exception) -> Response:
    document = {"ready": False, "problems": {"database": str(problem)}}
    return JSONResponse(document, status_code=503)


def _broken(_: Request, error: Exception) -> Response:
    # The class only: an error's text could carry what a supporter wrote.
    document = {"ready": False, "problems": {"service": type(error).__name__}}
    return JSONResponse(document, status_code=503)

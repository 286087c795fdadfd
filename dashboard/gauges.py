"""What the dashboard counts about itself."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Gauges:
    """The dashboard's own metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._requests = Counter(
            "whalecopy_dashboard_requests",
            "Requests answered.",
            ["route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "whalecopy_dashboard_request_seconds",
            "How long answers took; streams count when they end.",
            ["route"],
            registry=registry,
        )
        self._watchers = Gauge(
            "whalecopy_dashboard_watchers", "Open event streams.", registry=registry
        )
        self._reads = Counter(
            "whalecopy_dashboard_reads",
            "Readings of a section for the event streams.",
            ["section", "result"],
            registry=registry,
        )

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def watched(self, watchers: int) -> None:
        """Note how many streams are open."""
        self._watchers.set(watchers)

    def read(self, section: str, result: str) -> None:
        """Count a reading: `changed`, `same` or `failed`."""
        self._reads.labels(section, result).inc()

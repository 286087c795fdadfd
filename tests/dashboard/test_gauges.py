from prometheus_client import CollectorRegistry

from dashboard.gauges import Gauges


def test_answers_watchers_and_readings_are_counted() -> None:
    registry = CollectorRegistry()
    gauges = Gauges(registry)
    gauges.answered("/", 200, 0.01)
    gauges.watched(3)
    gauges.read("status", "changed")
    requests = {"route": "/", "status": "200"}
    assert registry.get_sample_value("whalecopy_dashboard_requests_total", requests) == 1
    assert registry.get_sample_value("whalecopy_dashboard_watchers") == 3
    read = {"section": "status", "result": "changed"}
    assert registry.get_sample_value("whalecopy_dashboard_reads_total", read) == 1

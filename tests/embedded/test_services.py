"""Tests of the events a supervisor tells by default."""

from structlog.testing import capture_logs

from embedded.services import ProcessEvent, ProcessEventKind, log_event


def test_a_death_is_logged_as_a_warning_and_the_rest_as_information() -> None:
    with capture_logs() as entries:
        log_event(ProcessEvent(ProcessEventKind.READY, "worker", 7))
        log_event(ProcessEvent(ProcessEventKind.DIED, "worker", 7, -9, "not ready"))
    assert [(entry["event"], entry["log_level"]) for entry in entries] == [
        ("process_ready", "info"),
        ("process_died", "warning"),
    ]
    assert entries[1]["exit_code"] == -9

"""Every step says how long it may take, by a name of workflows/options.py."""

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from exchange.polymarket.rest import POST_TIMEOUT_S, READ_TIMEOUT_S
from storage.orders import POSTS_MAX
from workflows import options

ROOM = Path(__file__).parent.parent.parent / "workflows"
STEPS = {
    "execute_activity_method",
    "execute_local_activity_method",
    "start_activity_method",
    "start_local_activity_method",
}
BARE_STEPS = {name.removesuffix("_method") for name in STEPS}
HERE = {"DECIDE", "RECORD"}
AWAY = {"PLACE", "CANCEL", "REVIEW", "AWAIT", "NOTE", "SWEEP", "GUARD", "SCORE"}
BANNED_MODULES = {"time", "random", "uuid", "os", "threading", "secrets"}
BANNED_CALLS = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "asyncio.wait",
    "asyncio.as_completed",
    "asyncio.gather",
    "asyncio.create_task",
    "asyncio.sleep",
    "time.time",
}


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(ROOM.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield f"{path.name}:{node.lineno}", node


def steps() -> list[tuple[str, ast.Call]]:
    return [
        (place, call)
        for place, call in calls()
        if isinstance(call.func, ast.Attribute) and call.func.attr in STEPS
    ]


def test_the_steps_are_found() -> None:
    assert len(steps()) >= 15


@pytest.mark.parametrize(("place", "call"), steps(), ids=[place for place, _ in steps()])
def test_a_step_takes_its_timeouts_from_the_options(place: str, call: ast.Call) -> None:
    spread = [k.value for k in call.keywords if k.arg is None]
    assert len(spread) == 1, f"{place} spells its timeouts out"
    (given,) = spread
    assert isinstance(given, ast.Attribute)
    assert isinstance(given.value, ast.Name)
    assert given.value.id == "options"
    assert isinstance(call.func, ast.Attribute)
    assert given.attr in (HERE if "local" in call.func.attr else AWAY)


def test_nothing_in_a_workflow_is_called_by_a_bare_name_or_breaks_replay() -> None:
    for place, call in calls():
        said = ast.unparse(call.func)
        assert said.rpartition(".")[2] not in BARE_STEPS, place
        assert said not in BANNED_CALLS, f"{place} calls {said}"
        assert said != "float", f"{place} makes a float"


def test_workflows_import_no_clock_and_no_chance() -> None:
    for path in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not BANNED_MODULES & {name.partition(".")[0] for name in names}, path


def test_a_request_ends_before_its_attempt_and_an_attempt_before_its_step() -> None:
    post = timedelta(seconds=POST_TIMEOUT_S)
    assert (
        post < options.PLACE["start_to_close_timeout"] < options.PLACE["schedule_to_close_timeout"]
    )
    assert options.PLACE["retry_policy"].maximum_attempts > POSTS_MAX
    read = timedelta(seconds=READ_TIMEOUT_S)
    assert 3 * read < options.REVIEW["start_to_close_timeout"]
    for waiting in (options.AWAIT, options.CANCEL):
        assert waiting["heartbeat_timeout"] is not None
        assert read < waiting["heartbeat_timeout"]


@pytest.mark.parametrize("name", sorted(HERE | AWAY))
def test_every_step_has_limits(name: str) -> None:
    step = getattr(options, name)
    assert step["start_to_close_timeout"] < step["schedule_to_close_timeout"]
    retry = step["retry_policy"]
    assert retry.maximum_interval or retry.maximum_attempts

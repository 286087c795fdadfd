"""What servers say is judged by what a lost order would cost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from doctor_findings import Level
from doctor_servers import (
    judge_attributes,
    judge_cache,
    judge_database,
    judge_retention,
    judge_workers,
)
from storage.migrate import SCHEMA_VERSION
from storage.server_facts import CacheFacts, ServerFacts
from workflows.names import SEARCH_ATTRIBUTES

SOUND = ServerFacts(
    version="18.6",
    role="whalecopy_engine",
    is_superuser=False,
    is_tls=True,
    is_near=False,
    unsafe=(),
    schema=SCHEMA_VERSION,
    unreadable=(),
    now=datetime(2026, 11, 1, tzinfo=UTC),
)


def worst(facts: ServerFacts) -> set[tuple[str, Level]]:
    found = judge_database(facts)
    return {(each.subject, each.level) for each in found if each.level is not Level.GREEN}


def test_a_sound_database_is_green() -> None:
    assert worst(SOUND) == set()
    assert worst(replace(SOUND, is_superuser=True, is_tls=False, is_near=True)) == set()


@pytest.mark.parametrize(
    ("changes", "subject", "level"),
    [
        ({"schema": None}, "schema", Level.RED),
        ({"schema": "0001"}, "schema", Level.RED),
        ({"schema": "9999"}, "schema", Level.RED),
        ({"unsafe": ("fsync",)}, "durability", Level.RED),
        ({"unreadable": ("orders",)}, "role", Level.RED),
        ({"is_superuser": True}, "role", Level.AMBER),
        ({"is_tls": False}, "database's wire", Level.AMBER),
    ],
)
def test_each_fault_of_a_database_is_found(
    changes: dict[str, object], subject: str, level: Level
) -> None:
    assert worst(replace(SOUND, **changes)) == {(subject, level)}  # type: ignore[arg-type]


def test_a_cache_that_refuses_when_full_is_amber() -> None:
    for policy in ("allkeys-lru", "volatile-lfu", "volatile-random"):
        assert judge_cache(CacheFacts("9", policy, 100, 1)).level is Level.GREEN
    assert judge_cache(CacheFacts("9", "noeviction", 100, 1)).level is Level.AMBER
    assert judge_cache(CacheFacts("9", "noeviction", 0, 1)).level is Level.GREEN


def test_a_short_retention_is_amber() -> None:
    assert judge_retention("w", timedelta(days=3)).level is Level.GREEN
    assert judge_retention("w", timedelta(days=1)).level is Level.AMBER


def test_an_attribute_that_is_not_there_or_of_another_type_is_red() -> None:
    assert judge_attributes(SEARCH_ATTRIBUTES).level is Level.GREEN
    assert judge_attributes({**SEARCH_ATTRIBUTES, "Whale": "Text"}).level is Level.RED
    assert "Whale" in judge_attributes({}).found


def test_workers_of_another_build_are_amber() -> None:
    assert judge_workers({}, "0.1.0").level is Level.GREEN
    assert judge_workers({"a": "0.1.0", "b": ""}, "0.1.0").level is Level.GREEN
    found = judge_workers({"a": "0.1.0", "b": "0.2.0"}, "0.1.0")
    assert (found.level, found.found) == (Level.AMBER, "2 workers, some of build 0.2.0")

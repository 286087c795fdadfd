"""What runs beside a key is named, hashed, and does nothing by being installed."""

import re
import site
import sysconfig
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import dev

ROOT = Path(__file__).parents[1]
LOCKS = (dev.RUNTIME_LOCK, dev.DEV_LOCK, dev.SIGNER_LOCK)
RECORD = ROOT / "docs" / "decisions" / "0005-dependencies.md"
ALLOWED = ROOT / "docs" / "decisions" / "0005-packages.txt"
OFFICIAL = {"py-clob-client", "py-clob-client-v2", "polymarket-client"}
"""The venue's own packages; many others are named almost like them."""
OF_THE_VENUE = {*OFFICIAL, "py-builder-signing-sdk", "py-order-utils", "poly-eip712-structs"}
LOOK_ALIKE = re.compile(r"clob|polymarket|poly[-_]|order-utils|builder-signing|eip712")
PATH_FILES = {
    "whalecopy.pth": r"/[^\n;]*\n",
    "a1_coverage.pth": r"import sys; exec\('import os\\n\\nif os\.getenv\(\"COVERAGE_.*",
    "distutils-precedence.pth": r"import os; var = 'SETUPTOOLS_USE_DISTUTILS'; .*",
    "_virtualenv.pth": r"import _virtualenv",
}
"""A line of a .pth that begins with `import` runs whenever Python starts."""


def requirements(lock: str) -> Mapping[str, Sequence[str]]:
    """Return the lines that belong to each package of a lock."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in (ROOT / lock).read_text().splitlines():
        read = re.match(r"([a-z0-9][a-z0-9._-]*)==\S+", line)
        if read is not None:
            name = read[1]
        assert name, f"expected {lock} to begin with a package, received {line!r}"
        found.setdefault(name, []).append(line)
    return found


def strangers(names: set[str], allowed: set[str]) -> set[str]:
    """Return the names that nobody decided about."""
    return names - allowed


def imitations(names: set[str]) -> set[str]:
    """Return the names that look like the venue's and are not."""
    return {name for name in names if LOOK_ALIKE.search(name) and name not in OF_THE_VENUE}


def allowed() -> set[str]:
    return {line for line in ALLOWED.read_text().split() if line}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_is_pinned_and_hashed(lock: str) -> None:
    for name, lines in requirements(lock).items():
        hashes = [line for line in lines if re.match(r"\s+--hash=sha256:[0-9a-f]{64}\b", line)]
        pins = [line for line in lines if line.startswith(f"{name}==")]
        assert hashes, f"expected {name} of {lock} to have a hash"
        assert len(hashes) + len(pins) == len(lines), f"expected no other words about {name}"


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_place_to_fetch_from(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert (
        re.search(r"https?://|git\+|file:|--(extra-)?index|--find-links|--trusted|-e ", text)
        is None
    )


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_was_decided_about(lock: str) -> None:
    names = set(requirements(lock))
    assert strangers(names, allowed()) == set(), f"expected a line in {ALLOWED.name} and a reason"
    assert imitations(names) == set()


def test_a_stranger_and_an_imitation_are_found() -> None:
    assert strangers({"aiohttp", "aiohttpx"}, allowed()) == {"aiohttpx"}
    planted = {"py-clob-client-slp", "polymarket-api", "py_clob_client", "poly-market", *OFFICIAL}
    assert imitations(planted) == planted - OFFICIAL


def test_the_list_of_allowed_names_has_none_that_is_not_used() -> None:
    used = {name for lock in LOCKS for name in requirements(lock)}
    assert allowed() == used


def test_everything_we_ask_for_ourselves_has_its_reason_written_down() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [
        *project["project"]["dependencies"],
        *(line for extra in project["project"]["optional-dependencies"].values() for line in extra),
        *project["dependency-groups"]["dev"],
    ]
    text = RECORD.read_text().lower()
    known = {"aiohttp", "asyncpg", "pydantic", "redis", "sqlalchemy", "structlog", "temporalio"}
    for line in asked:
        name = re.split(r"[\[<>=; ]", line, maxsplit=1)[0]
        assert name in text or name in known, f"expected {name} in {RECORD.name}"


def test_nothing_runs_by_being_installed() -> None:
    folders = {Path(path) for path in (*site.getsitepackages(), sysconfig.get_path("purelib"))}
    found = {path for folder in folders for path in folder.glob("*.pth")}
    assert {path.name for path in found} >= {"whalecopy.pth"}
    for path in found:
        refuse_path_file(path.name, path.read_text())
    for folder in folders:
        for name in ("sitecustomize.py", "usercustomize.py"):
            assert not (folder / name).exists(), f"expected no {name}: it runs at every start"


def refuse_path_file(name: str, text: str) -> None:
    """Fail for a .pth that is not known, or says something else than it is known for."""
    expected = PATH_FILES.get(name)
    assert expected is not None, f"expected no {name}: what does it run?"
    assert re.fullmatch(expected, text, re.DOTALL) is not None, f"expected {name} as it was"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("evil.pth", "import os; os.system('x')"),
        ("whalecopy.pth", "import os; os.system('x')\n"),
        ("whalecopy.pth", "/here\nimport os\n"),
        ("distutils-precedence.pth", "import evil"),
    ],
)
def test_a_planted_path_file_is_found(name: str, text: str) -> None:
    with pytest.raises(AssertionError, match="expected"):
        refuse_path_file(name, text)

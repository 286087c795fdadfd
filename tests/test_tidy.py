"""What the house style asks for and no linter can say."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = (
    "activities",
    "backtest",
    "dashboard",
    "embedded",
    "exchange",
    "ingest",
    "paper",
    "signer",
    "storage",
    "trading",
    "workflows",
)
COMPOSITION_ROOTS = {
    "account.py",
    "bench/_stand.py",
    "cli.py",
    "codec_server.py",
    "dashboard/__main__.py",
    "doctor.py",
    "ingest/__main__.py",
    "inquire.py",
    "launch.py",
    "launch_signer.py",
    "paper_mode.py",
    "narrate.py",
    "reconcile_report.py",
    "worker.py",
}
TRADING_MAY_IMPORT = {
    "dataclasses",
    "decimal",
    "datetime",
    "enum",
    "typing",
    "collections",
    "collections.abc",
    "hashlib",
    "math",
    "trading",
}
TEMPORAL_IN = {
    "activities": {"temporalio", "temporalio.exceptions"},
    "workflows": {
        "temporalio",
        "temporalio.common",
        "temporalio.exceptions",
        "temporalio.workflow",
    },
}
BANNED_MODULE_NAMES = {"utils", "helpers", "common", "manager", "base"}
MONEY_ROOMS = ("trading", "activities", "workflows", "storage")
FUNCTION_LINES_MAX = 50
FILE_LINES_MAX = 400
HOST_NAMES = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|deb\.debian|/root/|\.\./shared")


def sources() -> list[Path]:
    """Return our Python files, tests left out."""
    rooms = [p for room in ROOMS for p in (ROOT / room).rglob("*.py")]
    return sorted([*rooms, *ROOT.glob("*.py"), *(ROOT / "bench").glob("*.py")])


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_a_file_is_tidy(path: Path) -> None:
    text = path.read_text()
    assert path.stem not in BANNED_MODULE_NAMES
    assert len(text.splitlines()) <= FILE_LINES_MAX
    if path.name == "__init__.py":
        assert text == "", "an __init__.py is empty"
        return
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module opens with one sentence"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", sorted((ROOT / "trading").rglob("*.py")), ids=name_of)
def test_trading_imports_nothing_but_its_allow_list(path: Path) -> None:
    for module in imported(parse(path)):
        assert module in TRADING_MAY_IMPORT or module.startswith("trading."), module


@pytest.mark.parametrize("room", sorted(TEMPORAL_IN))
def test_workflows_and_activities_see_only_their_part_of_temporal(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        for module in imported(parse(path)):
            assert not module.startswith("temporalio") or module in TEMPORAL_IN[room], module


def test_workflows_see_only_the_types_of_trading() -> None:
    for path in (ROOT / "workflows").rglob("*.py"):
        for module in imported(parse(path)):
            assert not module.startswith("trading") or module == "trading.types", module


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_only_composition_roots_read_settings_and_nobody_imports_the_worker(path: Path) -> None:
    for module in imported(parse(path)):
        assert module != "worker"
        if name_of(path) not in COMPOSITION_ROOTS:
            assert module not in {"settings", "telemetry"}, module


@pytest.mark.parametrize("room", MONEY_ROOMS)
def test_no_float_touches_money(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(parse(path)):
            is_float_name = isinstance(node, ast.Name) and node.id == "float"
            assert not is_float_name, f"{name_of(path)}:{getattr(node, 'lineno', 0)} says float"
            if isinstance(node, ast.Constant) and isinstance(node.value, float):
                assert _is_seconds(path, node), f"{name_of(path)}:{node.lineno}"


def _is_seconds(path: Path, node: ast.Constant) -> bool:
    """A float literal is allowed where its line names seconds or a back-off: it is no money."""
    line = path.read_text().splitlines()[node.lineno - 1]
    return "_s" in line.lower() or "sleep" in line or "backoff" in line or "timeout" in line


@pytest.mark.parametrize("room", ROOMS)
def test_every_source_file_has_its_test_file(room: str) -> None:
    tests = {p.stem for p in (ROOT / "tests" / room).rglob("test_*.py")}
    for path in (ROOT / room).rglob("*.py"):
        if path.name in {"__init__.py", "port.py", "__main__.py"}:
            continue
        covered = any(t == f"test_{path.stem}" or t.startswith(f"test_{path.stem}_") for t in tests)
        assert covered, f"expected a test file for {name_of(path)}"


def test_tracked_files_name_no_machine_and_no_registry() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path == Path(__file__) or path.suffix in {
            ".lzma",
            ".gz",
            ".tape",
            ".png",
            ".js",
            ".css",
        }:
            continue
        try:
            text = path.read_text()
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        found = HOST_NAMES.search(text)
        assert found is None, f"{name} says {found and found.group()}"

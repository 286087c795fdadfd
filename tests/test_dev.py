"""Tests of the script that makes the virtual environment."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import dev

ROOT = Path(__file__).parents[1]


class Calls:
    """Remembers the programs that would run, and how each is to end."""

    def __init__(self) -> None:
        self.made: list[list[str]] = []
        self.failing: tuple[str, ...] = ()

    def __call__(self, command: Sequence[str]) -> int:
        self.made.append(list(command))
        return int(any(word in command for word in self.failing))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls = Calls()
    monkeypatch.setattr(dev, "call", calls)
    monkeypatch.setattr(dev, "replace_process", calls)
    return calls


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with locks, whose environment is a link to the Python that runs the tests."""
    for name in (dev.RUNTIME_LOCK, dev.DEV_LOCK):
        (tmp_path / name).write_text(f"{name}==1\n")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\noptional-dependencies.signer = ["a==1"]\n'
    )
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def venv(tmp_path: Path) -> dev.Venv:
    venv = dev.Venv(tmp_path / "an environment")
    site = venv.path / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    venv.bin.mkdir()
    venv.python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    venv.python.chmod(0o755)
    (venv.bin / "uv").touch()
    return venv


def test_an_installation_is_made_once(project: Path, venv: dev.Venv, calls: Calls) -> None:
    dev.ensure_installed(venv, dev.RUNTIME_LOCK)
    dev.ensure_installed(venv, dev.RUNTIME_LOCK)
    (installed,) = calls.made
    assert installed[1:6] == [
        "pip",
        "install",
        "--require-hashes",
        "-r",
        str(project / dev.RUNTIME_LOCK),
    ]
    assert (venv.path / "lib/python3.11/site-packages/whalecopy.pth").read_text() == f"{project}\n"


def test_a_changed_lock_is_installed_again(project: Path, venv: dev.Venv, calls: Calls) -> None:
    dev.ensure_installed(venv, dev.RUNTIME_LOCK)
    (project / dev.RUNTIME_LOCK).write_text("other==2\n")
    dev.ensure_installed(venv, dev.RUNTIME_LOCK)
    assert len(calls.made) == 2


def test_the_development_lock_serves_for_running_too(
    project: Path, venv: dev.Venv, calls: Calls
) -> None:
    dev.ensure_installed(venv, dev.DEV_LOCK)
    dev.ensure_installed(venv, dev.RUNTIME_LOCK)
    assert len(calls.made) == 1
    dev.ensure_installed(venv, dev.DEV_LOCK)
    assert len(calls.made) == 1


def test_pip_installs_where_uv_cannot(project: Path, venv: dev.Venv, calls: Calls) -> None:
    calls.failing = (str(venv.bin / "uv"),)
    dev.ensure_installed(venv, dev.RUNTIME_LOCK)
    assert calls.made[-1][:3] == [str(venv.python), "-m", "pip"]
    assert "--require-hashes" in calls.made[-1]


def test_an_installation_that_fails_is_not_remembered(
    project: Path, venv: dev.Venv, calls: Calls
) -> None:
    calls.failing = ("install",)
    with pytest.raises(dev.SetupError, match=r"requirements\.lock could not be installed"):
        dev.ensure_installed(venv, dev.RUNTIME_LOCK)
    assert venv.installed() == {}


def test_uv_is_installed_by_digest_or_taken_from_the_path(
    venv: dev.Venv, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    (venv.bin / "uv").unlink()
    monkeypatch.setattr(shutil, "which", lambda _: "/elsewhere/uv")
    assert dev.get_uv(venv) == "/elsewhere/uv"
    (pinned,) = calls.made
    assert "--require-hashes" in pinned
    assert all(len(text) == hashlib.sha256().digest_size * 2 for text in dev.UV_SHA256)


def test_an_environment_that_works_is_kept_and_a_broken_one_made_again(
    venv: dev.Venv, calls: Calls
) -> None:
    dev.make_venv(venv)
    assert calls.made == []
    venv.python.write_text("#!/bin/sh\nexit 1\n")
    dev.make_venv(venv)
    assert calls.made == [[sys.executable, "-m", "venv", "--clear", str(venv.path)]]


def test_without_ensurepip_uv_makes_it_or_the_package_is_named(
    venv: dev.Venv, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.python.unlink()
    monkeypatch.setattr(dev, "has_ensurepip", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda _: "/elsewhere/uv")
    dev.make_venv(venv)
    assert calls.made[0][:2] == ["/elsewhere/uv", "venv"]
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(dev.SetupError, match=r"apt install python3\.\d+-venv"):
        dev.make_venv(venv)


def test_an_environment_that_cannot_be_made_is_told(
    venv: dev.Venv, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.python.unlink()
    calls.failing = ("venv",)
    monkeypatch.setattr(dev, "has_ensurepip", lambda: True)
    with pytest.raises(dev.SetupError, match="no virtual environment could be made"):
        dev.make_venv(venv)


def test_ensurepip_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert not dev.has_ensurepip()


def test_another_python_is_looked_for_and_really_tried(
    calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "python3.11"
    shim.write_text("#!/bin/sh\necho 'not installed' >&2\nexit 127\n")
    shim.chmod(0o755)
    real = tmp_path / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    if real == shim:
        real = tmp_path / "python3.12"
        monkeypatch.setattr(dev, "SUPPORTED", ((3, 11), (3, 12)))
        monkeypatch.setattr(dev, "works", lambda path, _: path == str(real))
    real.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    real.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(dev.SetupError):  # as the process would have been replaced
        dev.use_supported_python((3, 9), ["test", "-x"])
    assert calls.made == [[str(real), str(ROOT / "dev.py"), "test", "-x"]]


def test_no_supported_python_is_told(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(dev.SetupError, match=r"3\.11 or 3\.12 or 3\.13 is needed.* this is 3\.14"):
        dev.use_supported_python((3, 14), [])
    assert calls.made == []
    dev.use_supported_python((3, 13), [])


def test_a_program_that_is_missing_or_another_version_does_not_work() -> None:
    here = (sys.version_info[0], sys.version_info[1])
    assert dev.works(sys.executable, here)
    assert not dev.works(sys.executable, (2, 7))
    assert not dev.works("/nowhere/python", here)


def test_every_command_runs_its_programs(
    project: Path, venv: dev.Venv, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev.ensure_installed(venv, dev.DEV_LOCK)
    (project / "bench").mkdir()
    (project / "bench" / "latency.py").touch()
    monkeypatch.setenv("WHALECOPY_VENV", str(venv.path))
    wanted = {
        "install": [],
        "run": [["whalecopy", "up", "--speed", "2"]],
        "test": [["python", "-m", "pytest", "-m", "not acceptance", "--speed", "2"]],
        "acceptance": [["python", "-m", "pytest", "-m", "acceptance", "--speed", "2"]],
        "lint": [
            ["ruff", "format", "--check", "."],
            ["ruff", "check", "."],
            ["mypy", "."],
            ["lint-imports"],
        ],
        "bench": [["python", str(project / "bench/latency.py"), "--speed", "2"]],
        "chaos": [["python", "-m", "tests.chaos", "--speed", "2"]],
    }
    for name, programs in wanted.items():
        calls.made.clear()
        assert dev.main([name, "--speed", "2"]) == 0
        assert [[Path(words[0]).name, *words[1:]] for words in calls.made] == programs, name
    calls.made.clear()
    assert dev.main(["check", "--speed", "2"]) == 0
    assert len(calls.made) == 5


def test_the_whole_suite_runs_in_lanes(
    project: Path, venv: dev.Venv, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev.ensure_installed(venv, dev.DEV_LOCK)
    monkeypatch.setenv("WHALECOPY_VENV", str(venv.path))
    calls.made.clear()
    assert dev.main(["test"]) == 0
    assert tuple(calls.made[0][-len(dev.LANES) :]) == dev.LANES


def test_lint_goes_on_after_a_finding_and_check_stops(
    project: Path, venv: dev.Venv, calls: Calls
) -> None:
    dev.ensure_installed(venv, dev.DEV_LOCK)
    calls.made.clear()
    calls.failing = ("check",)
    assert dev.check(venv, []) == 1
    assert len(calls.made) == 4


def test_the_locks_are_resolved_one_from_another(
    project: Path, venv: dev.Venv, calls: Calls
) -> None:
    dev.ensure_installed(venv, dev.DEV_LOCK)
    calls.made.clear()
    assert dev.lock(venv, ["--upgrade"]) == 0
    assert [words[-1] for words in calls.made] == [dev.RUNTIME_LOCK, dev.DEV_LOCK, dev.SIGNER_LOCK]
    assert all("--generate-hashes" in words and "--upgrade" in words for words in calls.made)
    calls.failing = ("compile",)
    with pytest.raises(dev.SetupError, match="could not be resolved"):
        dev.lock(venv, [])


def test_the_launcher_works_from_a_path_with_spaces(project: Path, venv: dev.Venv) -> None:
    (project / "cli.py").write_text("import sys\n\ndef main():\n    return len(sys.argv)\n")
    dev.write_launcher(venv)
    done = subprocess.run([str(venv.bin / "whalecopy"), "a", "b c"], check=False, cwd="/")
    assert done.returncode == 3


def test_words_it_does_not_know_are_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert dev.main(["nonsense"]) == 2
    assert dev.main([]) == 0
    assert "install | run | test" in capsys.readouterr().out


def test_what_is_wrong_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "name", "nt")
    assert dev.main(["install"]) == 1
    assert capsys.readouterr().err == (
        "dev.py: whalecopy runs on Linux and macOS; on Windows use WSL\n"
    )


def test_an_interrupt_ends_it_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_venv: dev.Venv, _rest: Sequence[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(dev.COMMANDS, "install", interrupt)
    assert dev.main(["install"]) == 130


def test_programs_run_in_the_projects_directory_and_uv_fetches_no_python(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = (
        "import os, sys; "
        f"sys.exit((os.environ['UV_PYTHON_DOWNLOADS'], os.getcwd()) != ('never', {str(project)!r}))"
    )
    assert dev.call([sys.executable, "-c", check]) == 0
    became: list[object] = []
    monkeypatch.setattr(os, "chdir", became.append)
    monkeypatch.setattr(os, "execve", lambda *words: became.extend(words))
    dev.replace_process(["/bin/program", "word"])
    assert became == [project, "/bin/program", ["/bin/program", "word"], dev.environment()]


@pytest.mark.parametrize(
    "target",
    ["run", "install", "test", "lint", "check", "acceptance", "bench", "chaos", "lock"],
)
def test_every_make_target_is_one_line_over_this_script(target: str) -> None:
    lines = [line for line in (ROOT / "Makefile").read_text().splitlines() if "; @" in line]
    (line,) = [line for line in lines if line.startswith(f"{target}:")]
    assert f"$(DEV) {target}" in line
    assert target in dev.COMMANDS


def test_only_finished_packages_are_installed(project: Path, venv: dev.Venv, calls: Calls) -> None:
    calls.failing = (str(venv.bin / "uv"),)
    dev.ensure_installed(venv, dev.RUNTIME_LOCK)
    for command in calls.made:
        place = command.index("--only-binary")
        assert command[place + 1] == ":all:"  # an sdist would run its own program here


@pytest.mark.parametrize(("status", "words"), [(0, "keep our rules"), (1, "break a rule")])
def test_an_audit_without_its_program_says_what_was_not_done(
    project: Path,
    venv: dev.Venv,
    calls: Calls,
    status: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    calls.failing = ("tests/test_dependencies.py",) if status else ()
    with pytest.raises(dev.SetupError, match=f"{words}; known vulnerabilities were not looked up"):
        dev.audit(venv, [])


def test_an_audit_asks_about_every_lock(
    project: Path, venv: dev.Venv, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    assert dev.audit(venv, ["--strict"]) == 0
    asked = [command for command in calls.made if command[0] == "/bin/pip-audit"]
    assert [command[-1] for command in asked] == [dev.RUNTIME_LOCK, dev.DEV_LOCK, dev.SIGNER_LOCK]
    assert all("--require-hashes" in command and "--strict" in command for command in asked)
    calls.failing = ("/bin/pip-audit",)
    with pytest.raises(dev.SetupError, match="what it found, or that it reached nobody"):
        dev.audit(venv, [])

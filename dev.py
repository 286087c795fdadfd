"""Makes the virtual environment and runs everything in it; needs Python 3.11 to 3.13, no more.

`python3 dev.py install | run | test | lint | check | acceptance | bench | chaos | audit | lock`;
arguments after the command are passed on. The Makefile has one line over this file per target.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent
SUPPORTED = ((3, 11), (3, 12), (3, 13))
RUNTIME_LOCK = "requirements.lock"
DEV_LOCK = "requirements-dev.lock"
SIGNER_LOCK = "requirements-signer.lock"
STAMP = "whalecopy-installed.json"
PROBE_TIMEOUT_S = 30.0

# uv installs the locks in a third of pip's time. These are the digests of all its wheels.
UV = "uv==0.13.9"
UV_SHA256 = (
    "16963d19594e18d746a70c7fce82237bde4f2cac4cfcf0ca2b84796fe9d0c6e9",
    "2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25",
    "3eeeb51a267a2144640fcd8f38d4a2f63439b39bc47445fd84727c3fc462c843",
    "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    "56ec37616c00220032fc7b8c9d0ef51367fd0d70d9cd6ddd841660f949f84fed",
    "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
    "6a44b2ed8111d2f60d2b92627c5dccda3f7ed7570b18ce115e569cd68c28246b",
    "6b0c7b9f47a5d011939d61e324d3fe18a8bc155d8dd53add738709a92f290a7c",
    "6d5114bba238adddacb32fb11904f2b3ff4e988f8e9ff0d8d3b5e9822cf836b8",
    "7ec1e1dd9b6cb335c301afdf877989df384227313981850755a59561f75e4ab8",
    "a2ee66fe8b6608e1482ab1bde5799da04705c1cb40324c7f66054ecf46ae6e40",
    "a6e845f387e4ed55bb59342957a9179e24a631fcc7668bda3426ae1cef8ed4b9",
    "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",
    "c5dbdb7c8737cd183a9dce95b39cfd1f3d54ec2a27a1bb58f160293f9ba2c805",
    "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    "db5c8df7145c21ffea9c0f74e38823bac3af60cbadf0e26b8633f08627b17bab",
    "dd6f4f93ddf8a668c73f0945f3638444b2140a4e15a3912067493fc6335543e4",
    "ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375",
    "eeb92051c2123b9730c46b04cc843cfa4bc7d7b0aec56df431a2215ef4cb0273",
)


# Half of the suite waits; two lanes take half the time. `tests/conftest.py` says what goes where.
LANES = ("-n", "2", "--dist", "loadscope", "--no-loadscope-reorder")

# Compiled at once, or the first start would have three processes compile everything.
UV_OPTIONS = ("--quiet", "--compile-bytecode")


class SetupError(Exception):
    """Something that the person at the keyboard has to put right; says what to do."""


class Venv:
    """The virtual environment: `.venv` beside this file, or what WHALECOPY_VENV names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bin = path / "bin"
        self.python = self.bin / "python"

    def installed(self) -> dict[str, str]:
        """Read the digest of every lock that has been installed, by the lock's name."""
        try:
            digests: dict[str, str] = json.loads((self.path / STAMP).read_text())
        except (OSError, ValueError):
            return {}
        return digests

    def remember(self, digests: dict[str, str]) -> None:
        """Write down what is installed; the last step of an installation."""
        (self.path / STAMP).write_text(json.dumps(digests))


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit status unless the command replaced this process."""
    name, *rest = arguments or ["help"]
    command = COMMANDS.get(name)
    if command is None:
        print(__doc__)
        return 0 if name in ("help", "-h", "--help") else 2
    try:
        use_supported_python(sys.version_info[:2], arguments)
        venv = Venv(Path(os.environ.get("WHALECOPY_VENV") or ROOT / ".venv").absolute())
        return command(venv, rest)
    except SetupError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def install(venv: Venv, _rest: Sequence[str]) -> int:
    """Make the environment that runs the product."""
    ensure_installed(venv, RUNTIME_LOCK)
    return 0


def run(venv: Venv, rest: Sequence[str]) -> int:
    """Start the whole stack."""
    ensure_installed(venv, RUNTIME_LOCK)
    return replace_process([str(venv.bin / "whalecopy"), "up", *rest])


def test(venv: Venv, rest: Sequence[str]) -> int:
    """Run the test suite, whole in two lanes; what takes over a minute is left to `acceptance`."""
    ensure_installed(venv, DEV_LOCK)
    return replace_process(pytest_command(venv, ["-m", "not acceptance", *(rest or LANES)]))


def acceptance(venv: Venv, rest: Sequence[str]) -> int:
    """Run the tests that take longer."""
    ensure_installed(venv, DEV_LOCK)
    return replace_process(pytest_command(venv, ["-m", "acceptance", *rest]))


def lint(venv: Venv, _rest: Sequence[str]) -> int:
    """Check format, lint, types and import contracts; all of them, even when one fails."""
    ensure_installed(venv, DEV_LOCK)
    commands = (
        ["ruff", "format", "--check", "."],
        ["ruff", "check", "."],
        ["mypy", "."],
        ["lint-imports"],
    )
    failed = [words[0] for words in commands if call([str(venv.bin / words[0]), *words[1:]])]
    if failed:
        print(f"dev.py: {', '.join(dict.fromkeys(failed))} found something", file=sys.stderr)
    return 1 if failed else 0


def check(venv: Venv, rest: Sequence[str]) -> int:
    """Lint, then test."""
    return lint(venv, []) or test(venv, rest)


def bench(venv: Venv, rest: Sequence[str]) -> int:
    """Run every benchmark, passing arguments such as --json to each."""
    ensure_installed(venv, DEV_LOCK)
    scripts = sorted((ROOT / "bench").glob("[!_]*.py"))
    return max((call([str(venv.python), str(script), *rest]) for script in scripts), default=0)


def chaos(venv: Venv, rest: Sequence[str]) -> int:
    """Trade while processes are killed; `--trades N --kills N --seed N`."""
    ensure_installed(venv, DEV_LOCK)
    return replace_process([str(venv.python), "-m", "tests.chaos", *rest])


def audit(venv: Venv, rest: Sequence[str]) -> int:
    """Hold the locks against our rules, and against what is known to be vulnerable.

    Raises:
        SetupError: the second needs pip-audit and a network; the first was done.
    """
    ensure_installed(venv, DEV_LOCK)
    rules = call(pytest_command(venv, ["-q", "tests/test_dependencies.py"]))
    program = shutil.which("pip-audit")
    if program is None:
        raise SetupError(
            f"the locks {'break a rule' if rules else 'keep our rules'}; known vulnerabilities "
            "were not looked up: that needs pip-audit (pipx install pip-audit) and a network"
        )
    options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", *rest]
    locks = (RUNTIME_LOCK, DEV_LOCK, SIGNER_LOCK)
    found = [name for name in locks if call([program, *options, "-r", name])]
    if found:
        raise SetupError(
            f"pip-audit ended with an error on {', '.join(found)}: above stands what it found, or "
            "that it reached nobody; without a network nothing was looked up"
        )
    return rules


def lock(venv: Venv, rest: Sequence[str]) -> int:
    """Resolve pyproject.toml into the hashed locks; `--upgrade` takes newer versions."""
    import tomllib

    ensure_installed(venv, DEV_LOCK)
    runtime = ["-c", RUNTIME_LOCK]
    compile_lock(venv, ["--extra", "embedded", "pyproject.toml", *rest], RUNTIME_LOCK)
    dev = ["--extra", "embedded", "--group", "dev", "pyproject.toml"]
    compile_lock(venv, [*runtime, *dev, *rest], DEV_LOCK)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with requirements_file(project["optional-dependencies"]["signer"]) as wanted:
        compile_lock(venv, [*runtime, wanted, *rest], SIGNER_LOCK)
    return 0


def compile_lock(venv: Venv, words: Sequence[str], output: str) -> None:
    """Write one lock: every platform, every digest, no name of an index host."""
    options = ["--universal", "--generate-hashes", "--no-header", "--no-annotate", "--quiet"]
    command = [str(venv.bin / "uv"), "pip", "compile", *options, *words, "-o", output]
    if call(command):
        raise SetupError(f"{output} could not be resolved")


def use_supported_python(version: tuple[int, ...], arguments: Sequence[str]) -> None:
    """Go on with a Python that we support, if this one is not.

    Raises:
        SetupError: none was found.
    """
    if os.name != "posix":
        raise SetupError("whalecopy runs on Linux and macOS; on Windows use WSL")
    if version in SUPPORTED:
        return
    for major, minor in SUPPORTED:
        found = shutil.which(f"python{major}.{minor}")
        if found and works(found, (major, minor)):
            replace_process([found, str(Path(__file__).resolve()), *arguments])
    wanted = " or ".join(f"{major}.{minor}" for major, minor in SUPPORTED)
    running = ".".join(str(number) for number in version)
    raise SetupError(f"Python {wanted} is needed, and this is {running}; none is on PATH")


def works(python: str, version: tuple[int, int]) -> bool:
    """Tell whether a program really is that Python; a shim on PATH may only say that it is not."""
    question = f"import sys; sys.exit(sys.version_info[:2] != {version!r})"
    try:
        done = subprocess.run(
            [python, "-c", question], capture_output=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def ensure_installed(venv: Venv, lock_name: str) -> None:
    """Install a lock unless it is what is installed already; the dev lock holds the runtime one."""
    names = [RUNTIME_LOCK, DEV_LOCK] if lock_name == DEV_LOCK else [RUNTIME_LOCK]
    wanted = {name: digest(ROOT / name) for name in names}
    wanted[str(ROOT)] = "root"  # a moved directory needs its launcher written again
    with one_at_a_time():
        if venv.python.exists() and wanted.items() <= venv.installed().items():
            return
        started_s = time.perf_counter()
        make_venv(venv)
        print(f"Installing {lock_name} into {venv.path} ...", flush=True)
        install_lock(venv, ROOT / lock_name)
        write_launcher(venv)
        venv.remember(wanted)
        print(f"Installed in {time.perf_counter() - started_s:.0f} s.", flush=True)


def digest(path: Path) -> str:
    """Identify the contents of a lock."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Keep two commands from building one environment together."""
    descriptor = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make_venv(venv: Venv) -> None:
    """Make the virtual environment, or make it again if its Python no longer works.

    Raises:
        SetupError: Python came without what makes one.
    """
    if any(works(str(venv.python), version) for version in SUPPORTED):
        return
    if has_ensurepip():
        command = [sys.executable, "-m", "venv", "--clear", str(venv.path)]
    elif uv := shutil.which("uv"):
        command = [uv, "venv", "--clear", "--seed", "--python", sys.executable, str(venv.path)]
    else:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SetupError(
            f"this Python has no ensurepip, so it cannot make a virtual environment: install "
            f"python{version}-venv (Debian, Ubuntu: apt install python{version}-venv), or uv"
        )
    if call(command):
        raise SetupError(f"no virtual environment could be made in {venv.path}")


def has_ensurepip() -> bool:
    """Tell whether `python -m venv` can work; Debian splits it off."""
    try:
        import ensurepip
    except ImportError:
        return False
    return bool(ensurepip.version())


def install_lock(venv: Venv, lock_path: Path) -> None:
    """Install what a lock names, digests checked: with uv, or with pip where uv cannot.

    Raises:
        SetupError: neither could; their own messages stand above.
    """
    uv = get_uv(venv)
    arguments = ["install", "--require-hashes", "-r", str(lock_path), "--only-binary", ":all:"]
    if uv and not call([uv, "pip", *arguments, *UV_OPTIONS, "--python", str(venv.python)]):
        return
    print("Going on with pip, which takes longer ...", flush=True)
    if call([*pip_command(venv), *arguments, "--quiet"]):
        raise SetupError(f"{lock_path.name} could not be installed")


def get_uv(venv: Venv) -> str | None:
    """Find uv in the environment, put it there, or take the one on PATH; None without any."""
    ours = venv.bin / "uv"
    if not ours.exists():
        pinned = [" ".join([UV, *(f"--hash=sha256:{text}" for text in UV_SHA256)])]
        with requirements_file(pinned) as path:
            call([*pip_command(venv), "install", "--require-hashes", "--quiet", "-r", path])
    return str(ours) if ours.exists() else shutil.which("uv")


def pip_command(venv: Venv) -> list[str]:
    """Begin a pip command that asks nothing and does not talk of newer versions of itself."""
    return [str(venv.python), "-m", "pip", "--disable-pip-version-check", "--no-input"]


def write_launcher(venv: Venv) -> None:
    """Write `bin/whalecopy`, and put this directory on the environment's path.

    The shell line lets the path of Python be long or have spaces, which `#!` does not.
    """
    for site in venv.path.glob("lib/python3.*/site-packages"):
        (site / "whalecopy.pth").write_text(f"{ROOT}\n")
    launcher = venv.bin / "whalecopy"
    launcher.write_text(
        f"#!/bin/sh\n'''exec' \"{venv.python}\" \"$0\" \"$@\"\n' '''\n"
        f"import sys\n\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from cli import main\n\nsys.exit(main())\n"
    )
    launcher.chmod(launcher.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


@contextmanager
def requirements_file(lines: Sequence[str]) -> Iterator[str]:
    """Offer requirements as the file that pip and uv want."""
    with tempfile.NamedTemporaryFile("w", suffix=".in") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        yield file.name


def pytest_command(venv: Venv, words: Sequence[str]) -> list[str]:
    """Run pytest so that this directory comes before what is installed."""
    return [str(venv.python), "-m", "pytest", *words]


def call(command: Sequence[str]) -> int:
    """Run a program here and return its exit status."""
    return subprocess.run(command, cwd=ROOT, env=environment(), check=False).returncode


def replace_process(command: Sequence[str]) -> int:
    """Become a program, so that Ctrl-C and the exit status are its own."""
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execve(command[0], list(command), environment())  # noqa: S606 - a list, no shell


def environment() -> dict[str, str]:
    """Keep uv from fetching a Python of its own."""
    return {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}


COMMANDS: dict[str, Callable[[Venv, Sequence[str]], int]] = {
    "install": install,
    "run": run,
    "test": test,
    "lint": lint,
    "check": check,
    "acceptance": acceptance,
    "bench": bench,
    "chaos": chaos,
    "audit": audit,
    "lock": lock,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A certificate authority of one test, made by the `openssl` program; its keys guard nothing."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Where the certificates lie: those of a server and a client, and who signed them."""

    ca: Path
    stranger: Path  # another authority, which signed nothing here
    server_cert: Path
    server_key: Path
    client_cert: Path
    client_key: Path


def make_certificates(folder: Path, name: str = "") -> Certificates:
    """Make an authority, a stranger, and certificates for 127.0.0.1 or that name alone.

    A test that wants them is skipped where there is no `openssl`.
    """
    if shutil.which("openssl") is None:
        pytest.skip("expected the openssl program to make certificates with, found none")
    folder.mkdir(parents=True, exist_ok=True)
    ca, stranger = _authority(folder, "ca"), _authority(folder, "stranger")
    server_cert, server_key = _signed(folder, "server", ca, name)
    client_cert, client_key = _signed(folder, "client", ca)
    return Certificates(ca, stranger, server_cert, server_key, client_cert, client_key)


def _authority(folder: Path, name: str) -> Path:
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    extensions = ("-addext", "keyUsage=critical,keyCertSign")
    _openssl("req", "-x509", *_new_key(key), "-out", cert, "-subj", f"/CN={name}", *extensions)
    return cert


def _signed(folder: Path, name: str, ca: Path, host: str = "") -> tuple[Path, Path]:
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subjects = f"DNS:{host}" if host else f"IP:{HOST},DNS:localhost"
    leaf = ("-addext", "basicConstraints=critical,CA:FALSE")
    names = ("-addext", f"subjectAltName={subjects}", *leaf)
    issuer = ("-CA", ca, "-CAkey", ca.with_suffix(".key"))
    subject = ("-subj", f"/CN={name}")
    _openssl("req", "-x509", *_new_key(key), *issuer, "-out", cert, *subject, *names)
    return cert, key


def _new_key(path: Path) -> tuple[str | Path, ...]:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    return (*curve, "-nodes", "-keyout", path, "-days", "2")


def _openssl(*words: str | Path) -> None:
    done = subprocess.run(
        ["openssl", *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

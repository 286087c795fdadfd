"""The keys that encrypt what Temporal keeps: a file with one key a line, the newest first."""

import os
import re
import secrets
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from scrubbing import SCRUBBER

KEY_BYTES = 32
KEYS_MAX = 64
FILE_BYTES_MAX = 16_384
_LINE = re.compile(r"(?P<key_id>[A-Za-z0-9._-]{1,32}) (?P<digits>[0-9a-fA-F]{64})")


class CodecKeysError(Exception):
    """The keys cannot be had; the message says what to do."""


@dataclass(frozen=True, slots=True)
class CodecKey:
    """One key of AES-256 and the name that stands beside what it encrypted."""

    key_id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CodecFile:
    """Where the keys lie, as the settings name them; without a path nothing is encrypted.

    Attributes:
        allows_plain: take what is not encrypted too, while encryption is being switched on.
    """

    path: Path | None = None
    allows_plain: bool = False


NO_CODEC = CodecFile()


class KeyRing:
    """The keys of a file: the newest encrypts, each decodes what it encrypted.

    The file is read again when a key is asked for that is not known: another process may have
    begun to use a newer one.
    """

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            CodecKeysError: it cannot be read, others can read it too, or it is no list of keys.
        """
        self._path = path
        self._seen = (0, 0)
        self._keys: dict[str, CodecKey] = {}
        self._newest = self._read()

    @property
    def newest(self) -> CodecKey:
        """Return the key that encrypts."""
        return self._newest

    def find(self, key_id: str) -> CodecKey | None:
        """Return the key of a name, None if the file has none."""
        if key_id not in self._keys and self._has_changed():
            self._newest = self._read()
        return self._keys.get(key_id)

    def _has_changed(self) -> bool:
        try:
            found = self._path.stat()
        except OSError as error:
            raise _unreadable(self._path, error) from error
        return (found.st_mtime_ns, found.st_ino) != self._seen

    def _read(self) -> CodecKey:
        keys, self._seen = _read_file(self._path)
        self._keys = {key.key_id: key for key in keys}
        SCRUBBER.learn(*(key.secret.hex() for key in keys))
        return keys[0]


def add_key(path: Path, now: datetime) -> str:
    """Put a fresh key before those of a file, or begin one; return its name.

    Whoever runs reads the file anew as soon as something comes that the new key encrypted; what
    is started from now on encrypts with it.

    Raises:
        CodecKeysError: the file's keys cannot be read, or a new file cannot be written.
    """
    keys = _read_file(path)[0] if path.exists() else ()
    if len(keys) >= KEYS_MAX:
        raise CodecKeysError(f"expected at most {KEYS_MAX} keys in {path}: take old ones out")
    key_id = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    fresh = CodecKey(key_id, secrets.token_bytes(KEY_BYTES))
    try:
        _write_file(path, [fresh, *keys])
    except OSError as error:
        raise CodecKeysError(f"{path} cannot be written: {error.strerror}") from error
    return key_id


def _read_file(path: Path) -> tuple[Sequence[CodecKey], tuple[int, int]]:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o377:
                raise CodecKeysError(f"expected {path} with mode 0400: chmod 400 {path}")
            lines = file.read(FILE_BYTES_MAX + 1).decode("ascii", "replace").splitlines()
    except OSError as error:
        raise _unreadable(path, error) from error
    return _read_lines(path, lines), (found.st_mtime_ns, found.st_ino)


def _read_lines(path: Path, lines: Sequence[str]) -> Sequence[CodecKey]:
    keys: dict[str, CodecKey] = {}
    for number, line in enumerate(lines, start=1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        read = _LINE.fullmatch(words)
        if read is None or read["key_id"] in keys:
            raise CodecKeysError(
                f"expected line {number} of {path} to be a name of its own, a space and 64 hex "
                "digits, received something else (it is not shown)"
            )
        keys[read["key_id"]] = CodecKey(read["key_id"], bytes.fromhex(read["digits"]))
    if not 1 <= len(keys) <= KEYS_MAX:
        raise CodecKeysError(f"expected 1 to {KEYS_MAX} keys in {path}, received {len(keys)}")
    return tuple(keys.values())


def _write_file(path: Path, keys: Sequence[CodecKey]) -> None:
    lines = [f"{key.key_id} {key.secret.hex()}\n" for key in keys]
    descriptor, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.writelines(["# newest first; see docs/DEPLOYMENT_GUIDE.md\n", *lines])
            file.flush()
            os.fchmod(file.fileno(), 0o400)
            os.fsync(file.fileno())
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def _unreadable(path: Path, error: OSError) -> CodecKeysError:
    return CodecKeysError(f"WHALECOPY_CODEC_KEYS: {path} cannot be read: {error.strerror}")

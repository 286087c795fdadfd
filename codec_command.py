"""`whalecopy codec`: makes the keys that encrypt what Temporal keeps, and lets its UI read it."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from codec_keys import CodecFile, CodecKeysError, add_key

CODEC = "codec"
NEW_KEY, URL, SERVE = "new-key", "url", "serve"
KEYS_FILE = "codec-keys"
URL_FILE = "codec-url"


class KeyedHome(Protocol):
    """Whose keys and whose server, as the settings name them."""

    @property
    def home(self) -> Path:
        """Return the state directory."""

    @property
    def codec(self) -> CodecFile:
        """Return where the keys lie."""


class CodecCommandError(Exception):
    """It could not be done; the message says what to do."""


def add_codec_command(codec: argparse.ArgumentParser) -> None:
    """Add what can be asked for."""
    actions = codec.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser(NEW_KEY, help="put a fresh key before the others, or make the first one")
    actions.add_parser(URL, help="where Temporal's UI decodes; keep it to yourself")
    actions.add_parser(SERVE, help="serve that, beside a stack of your own")


def ask_codec(settings: KeyedHome, action: str) -> str:
    """Do what was asked for and return what to say.

    Raises:
        CodecCommandError: it could not be done.
    """
    if action == NEW_KEY:
        return _make_key(settings)
    try:
        return (settings.home / URL_FILE).read_text()
    except OSError:
        raise CodecCommandError(
            f"no codec server runs on {settings.home}: start a stack with WHALECOPY_CODEC_KEYS set"
        ) from None


def _make_key(settings: KeyedHome) -> str:
    path = settings.codec.path or _first_file(settings.home)
    is_first = not path.exists()
    try:
        key_id = add_key(path, datetime.now(UTC))
    except CodecKeysError as error:
        raise CodecCommandError(str(error)) from error
    if is_first:
        return f"made {path} with key {key_id}; set WHALECOPY_CODEC_KEYS={path} and start again"
    return f"key {key_id} is the newest in {path}; what starts from now on encrypts with it"


def _first_file(home: Path) -> Path:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home.absolute() / KEYS_FILE

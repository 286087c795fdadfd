"""Composition root of the codec server, which lets Temporal's UI show what is encrypted."""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from aiohttp import web
from pydantic import ValidationError

from codec import SealedCodec
from codec_command import URL_FILE
from codec_desk import Visitors, build_desk, origins_of
from codec_keys import CodecKeysError, KeyRing
from exchange.secret import Secret
from process import protect, until_stopped
from scrubbing import SCRUBBER
from settings import Settings, load_settings
from telemetry import set_up_logging

LOOPBACK = "127.0.0.1"
TOKEN_FILE = "codec-token"  # noqa: S105 - where it is, not what it is
TOKEN_BYTES = 32

log = structlog.get_logger()


class CodecServerError(Exception):
    """The codec server cannot work; the message says what to do."""


async def run_codec_server(settings: Settings) -> None:
    """Serve on the loopback address until told to stop."""
    async with serving(settings) as port:
        log.info("codec_server_ready", port=port)
        await until_stopped()


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[int]:
    """Serve until the block ends; what Temporal's UI is to be told lies in a file of the home.

    Raises:
        CodecServerError: there are no keys, or the port cannot be had.
        CodecKeysError: the keys cannot be read.
    """
    if settings.codec.path is None:
        raise CodecServerError("expected WHALECOPY_CODEC_KEYS; `whalecopy codec new-key` makes one")
    token = make_token(settings.home)
    codec = SealedCodec(KeyRing(settings.codec.path), settings.temporal_namespace)
    origins = origins_of(settings.temporal_ui_url)
    app = build_desk(codec, Visitors(token, origins, settings.temporal_namespace))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    url_file = settings.home / URL_FILE
    try:
        try:
            await web.TCPSite(runner, LOOPBACK, settings.codec_port).start()
        except OSError as error:
            where = f"port {settings.codec_port} of {LOOPBACK}"
            raise CodecServerError(f"{where} cannot be had: {error.strerror}") from error
        port = int(runner.addresses[0][1])
        _write(url_file, f"http://{LOOPBACK}:{port}/{token.get_secret_value()}")
        yield port
    finally:
        url_file.unlink(missing_ok=True)
        await runner.cleanup()


def make_token(home: Path) -> Secret:
    """Return the token of a home, made the first time; only its owner can read it.

    A file that a killed process left empty is no token: everybody would know it.
    """
    path = home / TOKEN_FILE
    if not path.exists() or not path.read_text().strip():
        _write(path, secrets.token_urlsafe(TOKEN_BYTES))
    token = Secret(path.read_text().strip())
    SCRUBBER.learn(token.get_secret_value())
    return token


def _write(path: Path, words: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(words)


def main() -> int:
    """Serve until stopped; return 1 for anything that prevents it."""
    try:
        settings = load_settings()
    except ValidationError as error:
        return _fail(f"wrong settings: {error}")
    protect(holds_a_key=True)
    set_up_logging("codec", as_json=settings.log_json)
    try:
        asyncio.run(run_codec_server(settings))
    except (CodecServerError, CodecKeysError) as error:
        return _fail(str(error))
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(SCRUBBER.scrub_text(f"codec: {message}\n"))
    return 1


if __name__ == "__main__":
    sys.exit(main())

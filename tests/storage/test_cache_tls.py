"""Redis over TLS: the cache believes the authority in its address, and does without any other."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from embedded.errors import UnreachableError
from embedded.outside import check_redis
from storage.cache import RedisCache
from storage.port import Mark
from tests.certificates import Certificates, make_certificates
from tests.tls_proxy import server_context, tls_proxy
from trading.types import Price, TokenId

NOW = datetime(2026, 11, 1, tzinfo=UTC)
MARK = Mark(TokenId("7"), Price(Decimal("0.5")), NOW)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def port(valkey_url: str, certificates: Certificates) -> AsyncIterator[int]:
    context = server_context(certificates)
    async with tls_proxy(unquote(urlsplit(valkey_url).path), context) as port:
        yield port


def url_of(port: int, ca: Path) -> str:
    return f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={ca}"


async def test_marks_are_kept_over_tls(port: int, certificates: Certificates) -> None:
    url = url_of(port, certificates.ca)
    assert await check_redis(url) == url
    cache = RedisCache(url, lambda: NOW)
    try:
        await cache.put_mark(MARK)
        assert await cache.get_mark(MARK.token_id) == MARK
    finally:
        await cache.close()


async def test_another_authority_keeps_no_mark_and_is_named_at_the_start(
    port: int, certificates: Certificates
) -> None:
    url = url_of(port, certificates.stranger)
    with pytest.raises(UnreachableError, match=r"REDIS_URL: .*certificate verify failed"):
        await check_redis(url)
    cache = RedisCache(url, lambda: NOW)
    try:
        await cache.put_mark(MARK)
        assert await cache.get_mark(MARK.token_id) is None
    finally:
        await cache.close()

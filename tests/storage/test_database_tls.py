"""PostgreSQL over TLS: every connection of ours believes the authority it was given, no other."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from embedded.addresses import driver_dsn
from embedded.errors import UnreachableError
from embedded.outside import check_database
from storage.bell import PostgresBell
from storage.database import connect_database, plain_url
from storage.lane import Lane
from storage.migrate import check_schema, migrate, wait_for_schema
from storage.port import StorageError, StorageUnavailableError
from storage.statements import Statement
from tests.certificates import Certificates, make_certificates
from tests.servers import DatabaseServer
from tests.tls_proxy import server_context, tls_proxy

ONE = Statement("SELECT 1 AS one")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def tls_server(
    database_server: DatabaseServer, empty_database_url: str, certificates: Certificates
) -> AsyncIterator[str]:
    """User, host, port and database of a PostgreSQL that is reached by TLS alone."""
    socket = database_server.server.socket_dir / ".s.PGSQL.5432"
    name = urlsplit(empty_database_url).path
    async with tls_proxy(str(socket), server_context(certificates), greets=True) as port:
        yield f"postgres@127.0.0.1:{port}{name}"


def url_of(place: str, ca: Path, mode: str = "verify-full") -> str:
    return f"postgresql://{place}?sslmode={mode}&sslrootcert={ca}"


async def test_engine_lane_bell_and_check_reach_it_by_the_authority(
    tls_server: str, certificates: Certificates
) -> None:
    url = url_of(tls_server, certificates.ca)
    normalised = await check_database(url)
    await migrate(normalised)
    await check_schema(normalised)
    lane, bell = Lane(normalised), PostgresBell(normalised)
    try:
        assert (await lane.rows(ONE))[0]["one"] == 1
        assert await bell._connect()
    finally:
        await lane.close()
        await bell.close()


async def test_another_authority_is_refused_in_plain_words_and_at_once(
    tls_server: str, certificates: Certificates
) -> None:
    url = url_of(tls_server, certificates.stranger)
    with pytest.raises(StorageError, match="sslrootcert") as refused:
        await wait_for_schema(url)
    assert not isinstance(refused.value, StorageUnavailableError)
    with pytest.raises(UnreachableError, match=r"DATABASE_URL: .*certificate"):
        await check_database(url)


async def test_another_host_than_the_certificates_is_refused(
    database_server: DatabaseServer, certificates: Certificates, tmp_path: Path
) -> None:
    elsewhere = make_certificates(tmp_path, name="db.example")
    socket = database_server.server.socket_dir / ".s.PGSQL.5432"
    async with tls_proxy(str(socket), server_context(elsewhere), greets=True) as port:
        place = f"postgres@127.0.0.1:{port}/postgres"
        await (await connect_database(url_of(place, elsewhere.ca, "verify-ca"))).close()
        with pytest.raises(StorageError, match="for its host"):
            await connect_database(url_of(place, elsewhere.ca))


async def test_a_bell_that_meets_a_stranger_hears_nothing_and_goes_on(
    tls_server: str, certificates: Certificates
) -> None:
    bell = PostgresBell(url_of(tls_server, certificates.stranger))
    assert not await bell.wait("signals", "", timedelta(milliseconds=10))


async def test_an_authority_that_is_not_there_is_named(tls_server: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="gone"):
        await check_schema(url_of(tls_server, tmp_path / "gone.pem"))


def test_both_spellings_of_an_address_keep_what_tls_needs() -> None:
    url = "postgresql+asyncpg://u@h/db?ssl=verify-full&sslrootcert=/a/ca.pem"
    assert plain_url(url) == "postgresql://u@h/db?sslmode=verify-full&sslrootcert=/a/ca.pem"
    assert "sslrootcert" in driver_dsn(url)

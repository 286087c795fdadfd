"""A Temporal behind TLS is reached with the right certificates, and with no others."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from codec_keys import CodecFile
from embedded.outside import check_temporal
from embedded.temporal_keys import TemporalKeyFiles
from scrubbing import SCRUBBER
from temporal_access import Place, TemporalRefusedError, connect_temporal
from tests.certificates import Certificates, make_certificates
from tests.tls_proxy import server_context, tls_proxy


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def place(
    temporal_env: WorkflowEnvironment, certificates: Certificates
) -> AsyncIterator[Place]:
    """Where a Temporal shows its certificate and wants to see ours."""
    behind = temporal_env.client.service_client.config.target_host
    context = server_context(certificates, wants_client=True)
    async with tls_proxy(behind, context) as port:
        files = TemporalKeyFiles(
            ca=certificates.ca, cert=certificates.client_cert, key=certificates.client_key
        )
        yield Place(f"127.0.0.1:{port}", "default", files)


async def try_to_connect(place: Place) -> Client:
    async with asyncio.timeout(20):
        return await connect_temporal(place)


async def test_certificates_of_both_sides_open_the_way(place: Place) -> None:
    client = await try_to_connect(place)
    assert await client.service_client.check_health()
    keys = place.temporal_keys.read()
    assert await check_temporal(place.temporal_address, "default", 20, keys)


async def test_what_opens_the_way_is_told_by_no_log_from_then_on(
    place: Place, certificates: Certificates, tmp_path: Path
) -> None:
    """The SDK's own record of TLS shows the key to whoever prints it."""
    (tmp_path / "api-key").write_text("api-key-of-temporal\n")
    files = replace(place.temporal_keys, api_key=tmp_path / "api-key")
    await try_to_connect(replace(place, temporal_keys=files))
    keys = files.read()
    (line, *_) = certificates.client_key.read_text().splitlines()[1:]
    assert line in f"{keys.tls!r}"
    told = SCRUBBER.scrub_text(f"a bug tells {keys.tls!r} and {keys.api_key}")
    assert "a bug tells TLSConfig" in told
    assert not any(secret in told for secret in keys.secrets)


async def test_a_server_signed_by_a_stranger_is_refused_at_once(
    place: Place, certificates: Certificates
) -> None:
    files = replace(place.temporal_keys, ca=certificates.stranger)
    with pytest.raises(TemporalRefusedError, match="WHALECOPY_TEMPORAL_TLS_CA"):
        await try_to_connect(replace(place, temporal_keys=files))
    with pytest.raises(TemporalRefusedError, match="WHALECOPY_TEMPORAL_TLS_CA"):
        await check_temporal(place.temporal_address, "default", 20, files.read())


async def test_another_name_than_the_certificates_is_refused(place: Place) -> None:
    files = replace(place.temporal_keys, server_name="temporal.example")
    with pytest.raises(TemporalRefusedError, match="certificate"):
        await try_to_connect(replace(place, temporal_keys=files))


async def test_a_name_in_the_certificate_may_stand_for_the_address(place: Place) -> None:
    files = replace(place.temporal_keys, server_name="localhost")
    await try_to_connect(replace(place, temporal_keys=files))


async def test_nobody_gets_in_without_a_certificate_of_ours(
    place: Place, certificates: Certificates
) -> None:
    files = TemporalKeyFiles(ca=certificates.ca)
    with pytest.raises((TemporalRefusedError, RuntimeError)):
        await try_to_connect(replace(place, temporal_keys=files))


async def test_a_key_that_is_not_there_is_told_before_anything_connects(tmp_path: Path) -> None:
    files = TemporalKeyFiles(api_key=tmp_path / "gone")
    with pytest.raises(TemporalRefusedError, match="API_KEY_FILE"):
        await connect_temporal(Place("127.0.0.1:9", "default", files))


async def test_keys_of_the_codec_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    place = Place("127.0.0.1:9", "default", codec=CodecFile(tmp_path / "none"))
    with pytest.raises(TemporalRefusedError, match=r"WHALECOPY_CODEC_KEYS: .* cannot be read"):
        await connect_temporal(place)

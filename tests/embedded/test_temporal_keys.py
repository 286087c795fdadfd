"""What a connection to Temporal proves itself with is read from files, and told of when wrong."""

from pathlib import Path

import pytest

from embedded.errors import UnreachableError
from embedded.outside import check_temporal
from embedded.temporal_keys import NO_KEYS, TemporalKeyFiles, TemporalKeys, refuse_stranger


def test_nothing_given_is_no_tls() -> None:
    assert TemporalKeyFiles().read() == NO_KEYS
    assert NO_KEYS.tls is False


@pytest.mark.parametrize(
    "keys", [TemporalKeys(ca=b"x"), TemporalKeys(api_key="k"), TemporalKeys(server_name="t")]
)
def test_any_key_means_tls(keys: TemporalKeys) -> None:
    tls = keys.tls
    assert not isinstance(tls, bool)
    assert (tls.server_root_ca_cert, tls.domain) == (keys.ca, keys.server_name)


def test_files_are_read_and_secrets_are_never_shown(tmp_path: Path) -> None:
    names = ("ca", "cert", "key", "api_key")
    files = {name: tmp_path / name for name in names}
    for name, path in files.items():
        path.write_text(f"words of {name}\n")
    keys = TemporalKeyFiles(**files, server_name="temporal.example").read()
    assert keys.ca == b"words of ca\n"
    assert keys.key == b"words of key\n"
    assert keys.api_key == "words of api_key"
    assert keys.server_name == "temporal.example"
    assert "words of key" not in repr(keys)
    assert "words of api_key" not in repr(keys)


def test_the_api_key_and_each_line_of_a_private_key_are_secrets() -> None:
    pem = b"-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\nhRANCAAT\n-----END PRIVATE KEY-----\n"
    keys = TemporalKeys(ca=b"public", cert=b"public", key=pem, api_key="opens-it")
    assert keys.secrets == ("opens-it", "MIGHAgEAMBMG", "hRANCAAT")
    assert NO_KEYS.secrets == ()


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="together"):
        TemporalKeyFiles(cert=tmp_path / "cert").read()


def test_a_file_that_is_not_there_is_named_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"TLS_CA: .*gone cannot be read"):
        TemporalKeyFiles(ca=tmp_path / "gone").read()


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\n")
    with pytest.raises(UnreachableError, match="found it empty"):
        TemporalKeyFiles(api_key=tmp_path / "key").read()


class DeniedError(Exception):
    status = 16


def test_what_no_second_try_can_help_is_told_at_once() -> None:
    with pytest.raises(UnreachableError, match="TLS_CA"):
        refuse_stranger(RuntimeError("invalid peer certificate: UnknownIssuer"), "a:1")
    with pytest.raises(UnreachableError, match="API_KEY"):
        refuse_stranger(DeniedError("no"), "a:1")
    refuse_stranger(RuntimeError("connection refused"), "a:1")


async def test_a_given_server_is_checked_with_its_keys() -> None:
    with pytest.raises(UnreachableError, match="did not answer"):
        await check_temporal("127.0.0.1:9", "default", 0.5, TemporalKeys(server_name="x"))

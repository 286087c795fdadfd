"""No process is handed a secret that it does not use."""

import pytest

from surroundings import Process, bare_environment, environment_for

SECRETS = {
    "WHALECOPY_PRIVATE_KEY": "0x1",
    "WHALECOPY_RELAYER_API_KEY": "r",
    "WHALECOPY_RPC_HTTP_URLS": "[]",
    "WHALECOPY_RPC_WS_URLS": "[]",
    "DATABASE_URL": "d",
    "REDIS_URL": "v",
}
OTHERS = {"PATH": "/bin", "WHALECOPY_HOME": "h", "WHALECOPY_CODEC_KEYS": "/keys"}


@pytest.mark.parametrize(
    ("process", "kept"),
    [
        (Process.WORKER, set(SECRETS) - {"WHALECOPY_PRIVATE_KEY"}),
        (Process.SIGNER, {"WHALECOPY_PRIVATE_KEY", "DATABASE_URL"}),
        (Process.INGEST, set(SECRETS) - {"WHALECOPY_PRIVATE_KEY", "WHALECOPY_RELAYER_API_KEY"}),
        (Process.DASHBOARD, {"DATABASE_URL"}),
        (Process.CODEC, set()),
        (Process.PAPER, set()),
    ],
)
def test_a_process_is_given_the_secrets_that_it_uses(process: Process, kept: set[str]) -> None:
    given = environment_for(process, {**SECRETS, **OTHERS})
    assert set(given) == kept | set(OTHERS)


def test_a_name_in_small_letters_hides_too() -> None:
    assert environment_for(Process.INGEST, {"whalecopy_private_key": "0x1"}) == {}


def test_what_takes_arguments_only_is_given_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, setting in {**SECRETS, **OTHERS}.items():
        monkeypatch.setenv(name, setting)
    given = bare_environment()
    assert not set(SECRETS) & set(given)
    assert given["PATH"] == "/bin"
    assert given["PYTHONUNBUFFERED"] == "1"

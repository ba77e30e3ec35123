"""The settings of the gate: what is taken, and what is said of those that are broken."""

from ipaddress import ip_network

import pytest

from app.settings import read_settings
from domain.errors import InvalidInput

JWKS = "https://login.studio.example/keys"
ISSUER = "https://login.studio.example"

# What is set, and the words of the one sentence that names it.
MISTAKES = {
    "keys in the clear": (
        {"EASEL_JWKS_URL": "http://login.studio.example/keys", "EASEL_JWT_ISSUER": ISSUER},
        ("EASEL_JWKS_URL: ", "https://"),
    ),
    "keys in a file": ({"EASEL_JWKS_URL": "file:///keys", "EASEL_JWT_ISSUER": ISSUER}, ("EASEL_JWKS_URL: ", "http")),
    "keys of nobody": ({"EASEL_JWKS_URL": JWKS}, ("EASEL_JWKS_URL: ", "EASEL_JWT_ISSUER")),
    "nobody's keys": ({"EASEL_JWT_ISSUER": ISSUER}, ("EASEL_JWKS_URL: ", "EASEL_JWT_ISSUER")),
    "no audience": ({"EASEL_JWT_AUDIENCE": ""}, ("EASEL_JWT_AUDIENCE: ", "at least 1")),
    "an hour of leeway": ({"EASEL_JWT_LEEWAY_SECONDS": "3600"}, ("EASEL_JWT_LEEWAY_SECONDS: ", "300")),
    "a look an hour": ({"EASEL_SOCKET_RECHECK_SECONDS": "3600"}, ("EASEL_SOCKET_RECHECK_SECONDS: ", "25")),
    "no network": ({"EASEL_TRUSTED_PROXIES": "10.0.0.0/8,proxy"}, ("EASEL_TRUSTED_PROXIES: ", "proxy")),
    "half a network": ({"EASEL_TRUSTED_PROXIES": "10.0.0.1/8"}, ("EASEL_TRUSTED_PROXIES: ", "10.0.0.1/8")),
    "no decision": ({"EASEL_LIMITS_WHEN_AWAY": "perhaps"}, ("EASEL_LIMITS_WHEN_AWAY: ", "allow", "refuse")),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_broken_setting_is_told_in_one_sentence_with_its_name(monkeypatch: pytest.MonkeyPatch, mistake: str) -> None:
    given, words = MISTAKES[mistake]
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInput) as told:
        read_settings()
    assert "\n" not in told.value.message
    assert [word for word in words if word not in told.value.message] == []


@pytest.mark.parametrize("url", [JWKS, "http://127.0.0.1:8080/keys", "http://localhost/keys", "http://[::1]:80/keys"])
def test_keys_come_over_tls_or_from_this_machine(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("EASEL_JWKS_URL", url)
    monkeypatch.setenv("EASEL_JWT_ISSUER", ISSUER)
    found = read_settings()
    assert (found.jwks_url is not None, found.jwt_issuer, found.jwt_audience) == (True, ISSUER, "easel")


@pytest.mark.parametrize("written", ["10.0.0.0/8,::1/128", "10.0.0.0/8, ::1", " 10.0.0.0/8  ::1/128 "])
def test_networks_are_written_one_after_the_other(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("EASEL_TRUSTED_PROXIES", written)
    assert read_settings().trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1/128"))


def test_nobody_is_trusted_unless_that_is_said() -> None:
    assert read_settings().trusted_proxies == ()

"""Whose request it is: the address that counts, whatever the request says of itself."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from random import Random

import pytest
from starlette.types import Scope

from gateway.addresses import UNKNOWN, client_address

PROXIES: tuple[IPv4Network | IPv6Network, ...] = tuple(map(ip_network, ("10.0.0.0/8", "192.0.2.7/32", "fd00::/8")))
CALLER = "203.0.113.9"


def scope(peer: str | None, *forwarded: str) -> Scope:
    """A request from this peer with these X-Forwarded-For headers."""
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    return {"type": "http", "client": (peer, 50_000) if peer is not None else None, "headers": headers}


def random_address(random: Random) -> str:
    kinds = (
        lambda: ".".join(str(random.randrange(256)) for _ in range(4)),
        lambda: ":".join(f"{random.randrange(65_536):x}" for _ in range(8)),
        lambda: f"10.0.0.{random.randrange(256)}",
        lambda: f"[2001:db8::{random.randrange(65_536):x}]:{random.randrange(65_536)}",
        lambda: "".join(chr(random.randrange(33, 256)) for _ in range(random.randrange(40))),
    )
    return random.choice(kinds)()


def random_hops(random: Random) -> str:
    return ", ".join(random_address(random) for _ in range(random.randrange(5)))


def test_a_thousand_made_up_hops_before_an_untrusted_peer_are_one_address() -> None:
    random = Random(1)  # noqa: S311 - nothing secret
    assert {client_address(scope(CALLER, random_hops(random)), PROXIES) for _ in range(1_000)} == {CALLER}


def test_a_thousand_made_up_hops_before_trusted_proxies_are_one_address() -> None:
    random = Random(2)  # noqa: S311 - nothing secret
    made_up = [random_hops(random) for _ in range(1_000)]
    assert {client_address(scope("10.1.1.1", f"{hops}, {CALLER}"), PROXIES) for hops in made_up} == {CALLER}
    assert {client_address(scope("fd00::1", f"{hops},{CALLER}, 10.2.2.2"), PROXIES) for hops in made_up} == {CALLER}
    assert {client_address(scope("10.1.1.1", hops, CALLER, "192.0.2.7"), PROXIES) for hops in made_up} == {CALLER}


def test_without_trusted_proxies_the_peer_counts() -> None:
    assert client_address(scope("127.0.0.1", CALLER), ()) == "127.0.0.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", CALLER, CALLER),
        ("10.0.0.1", f" {CALLER} ", CALLER),
        ("10.0.0.1", f"{CALLER}:8080", CALLER),
        ("10.0.0.1", f"::ffff:{CALLER}", CALLER),
        ("::ffff:10.0.0.1", CALLER, CALLER),
        ("10.0.0.1", "[2001:db8:1:2:3::4]:443", "2001:db8:1:2::/64"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", f"{CALLER}, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", f"{CALLER},", "10.0.0.1"),
        ("10.0.0.1", "999.1.1.1", "10.0.0.1"),
        ("10.0.0.1", "[", "10.0.0.1"),
        ("192.0.2.7", CALLER, CALLER),
        ("192.0.2.8", CALLER, "192.0.2.8"),
    ],
)
def test_a_trusted_proxy_is_believed_as_far_as_it_is_understood(peer: str, forwarded: str, counted: str) -> None:
    assert client_address(scope(peer, forwarded), PROXIES) == counted


def test_the_addresses_of_one_subscriber_are_one() -> None:
    random = Random(3)  # noqa: S311 - nothing secret
    many = {f"2001:db8:1:2:{random.randrange(65_536):x}::{random.randrange(65_536):x}" for _ in range(1_000)}
    assert {client_address(scope(one), ()) for one in many} == {"2001:db8:1:2::/64"}
    assert client_address(scope("2001:db8:1:3::1"), ()) == "2001:db8:1:3::/64"
    assert client_address(scope("fe80::1%eth0"), ()) == "fe80::/64"


@pytest.mark.parametrize("peer", [None, "", "testclient", "/run/easel.sock"])
def test_a_peer_without_an_address_has_nothing_to_say(peer: str | None) -> None:
    assert client_address(scope(peer, CALLER), PROXIES) == UNKNOWN

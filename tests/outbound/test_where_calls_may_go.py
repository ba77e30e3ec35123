"""No call reaches what is not public, whatever it is called and however it is led there."""

import re
import ssl
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.outbound import Reach, Reason, Sender, Undelivered
from engine.outbound.addresses import Address, is_ours, is_public, read_address
from engine.outbound.names import Resolve, look_up
from engine.outbound.targets import PORTS, read_target
from tests.outbound.hosts import ADDRESSES, NAMES, PUBLIC, SPELLINGS
from tests.outbound.receiving import receiving

HOSTS = (*ADDRESSES, *SPELLINGS, *NAMES, "localhost", "LOCALHOST")
SOMEWHERE = "93.184.215.14"
TRUST = ssl.create_default_context()


class NameServer:
    """Says what the table says, or at each question the next of `answers`."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self._table = {name.lower(): found for name, found in NAMES.items()}
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self._answers.pop(0) if self._answers else self._table[host]


def sender(reach: Reach, resolve: Resolve) -> Sender:
    return Sender(reach, resolve=resolve, trust=TRUST)


def only(port: int) -> Reach:
    return Reach(ports=frozenset({port}))


async def refusal(calls: Sender, url: str) -> Reason:
    with pytest.raises(Undelivered) as refused:
        await calls.post(url, {}, b"{}")
    return refused.value.reason


@pytest.mark.parametrize("scheme", PORTS)
@pytest.mark.parametrize("host", [*ADDRESSES, *NAMES])
async def test_no_call_reaches_an_address_that_is_not_public(host: str, scheme: str) -> None:
    async with receiving() as canary:
        calls = sender(only(canary.port), NameServer())
        assert await refusal(calls, f"{scheme}://{host}:{canary.port}/") is Reason.ADDRESS_REFUSED
    assert canary.connections == 0


@pytest.mark.parametrize("scheme", PORTS)
@pytest.mark.parametrize("host", SPELLINGS)
async def test_what_is_spelled_strangely_is_not_even_looked_up(host: str, scheme: str) -> None:
    names = NameServer(["127.0.0.1"])
    async with receiving() as canary:
        calls = sender(Reach(allow_loopback=True), names)
        assert await refusal(calls, f"{scheme}://{host}:{canary.port}/") is Reason.URL_REFUSED
        assert await refusal(calls, f"{scheme}://{host}/") is Reason.URL_REFUSED
    assert (canary.connections, names.asked) == (0, 0)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST"])
async def test_the_names_this_machine_has_for_itself_are_refused(host: str) -> None:
    async with receiving() as canary:
        calls = sender(only(canary.port), look_up)
        assert await refusal(calls, f"https://{host}:{canary.port}/") is Reason.ADDRESS_REFUSED
    assert canary.connections == 0


REDIRECTS = [*((host, 307) for host in HOSTS), *(("127.0.0.1", status) for status in (300, 301, 302, 303, 308))]


@pytest.mark.parametrize(("host", "status"), REDIRECTS)
async def test_no_redirect_is_followed(host: str, status: int) -> None:
    async with receiving() as canary:
        location = re.sub(r"[\n\x00]", "", f"http://{host}:{canary.port}/").encode()
        answer = b"HTTP/1.1 %d Elsewhere\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, location)
        async with receiving(answer) as receiver:
            calls = sender(Reach(allow_loopback=True), NameServer())
            answered = await calls.post(f"http://127.0.0.1:{receiver.port}/", {}, b"{}")
    assert (answered.status, len(receiver.requests), canary.connections) == (status, 1, 0)


@pytest.mark.parametrize("inside", ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254"])
async def test_a_name_is_looked_up_once_and_called_where_it_was_found(inside: str) -> None:
    names = NameServer([SOMEWHERE], [inside], [inside])
    async with receiving() as canary:
        calls = sender(only(canary.port), names)
        # The tests' own guard lets nothing out, and says where the call was to go.
        with pytest.raises(ExceptionGroup) as stopped:
            await calls.post(f"https://flips.test:{canary.port}/", {}, b"{}")
    assert stopped.group_contains(Warning, match=f'host "{SOMEWHERE}"')
    assert (canary.connections, names.asked) == (0, 1)


async def test_a_name_that_flips_back_is_looked_up_again_by_the_next_call() -> None:
    names = NameServer(["10.0.0.1"], ["169.254.169.254"], ["127.0.0.1"])
    async with receiving() as canary:
        calls = sender(only(canary.port), names)
        found = [await refusal(calls, f"https://flips.test:{canary.port}/") for _ in range(3)]
    assert found == [Reason.ADDRESS_REFUSED] * 3
    assert (canary.connections, names.asked) == (0, 3)


@pytest.mark.parametrize("host", [*ADDRESSES, *NAMES])
async def test_what_is_refused_is_told_alike_wherever_it_leads(host: str) -> None:
    with pytest.raises(Undelivered) as refused:
        await sender(Reach(), NameServer()).post(f"https://{host}/", {}, b"{}")
    assert refused.value.message == str(refused.value) == "The host is not at a public address"


@pytest.mark.parametrize(
    "url",
    [
        "http://public.test/",
        "http://public.test:443/",
        "https://public.test:8443/",
        "https://public.test:22/",
        "https://public.test:6379/",
        "http://8.8.8.8/",
        "https://8.8.8.8:5432/",
    ],
)
async def test_the_public_internet_is_called_by_https_on_its_usual_ports(url: str) -> None:
    assert await refusal(sender(Reach(), NameServer(list(PUBLIC))), url) is Reason.URL_REFUSED


@pytest.mark.parametrize(
    "url",
    [
        "ftp://public.test/",
        "file:///etc/passwd",
        "gopher://public.test/",
        "unix:///run/docker.sock",
        "javascript:alert(1)",
        "//public.test/",
        "https:/public.test/",
        "https:public.test",
        "public.test",
        " https://public.test/",
        "https://public.test/\r\nX-Injected: 1",
        "https://public.test/a b",
        "https://public.test/é",
        "https://public.test/#fragment",
        "http\u017f://public.test/",
        "https://public.test/" + "x" * 2_048,
        "",
    ],
)
async def test_what_is_no_plain_url_is_refused(url: str) -> None:
    assert await refusal(sender(Reach(), NameServer()), url) is Reason.URL_REFUSED


@pytest.mark.parametrize("address", PUBLIC)
@pytest.mark.parametrize("port", [80, 443])
def test_public_addresses_are_within_reach(address: str, port: int) -> None:
    host = f"[{address}]" if ":" in address else address
    target = read_target(f"https://{host}:{port}/")
    assert target.address is not None
    Reach().require(target, [target.address])


@pytest.mark.parametrize(
    "name", ["example.com", "EXAMPLE.com", "a-b.c1.example", "xn--bcher-kva.example", "my_hook.dev"]
)
def test_names_are_within_reach_where_all_their_addresses_are_public(name: str) -> None:
    Reach().require(read_target(f"https://{name}/hook?id=1"), [_address(text) for text in PUBLIC])


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "100.64.0.1", "::1", "fd12::1"]
)
def test_a_listed_host_may_be_at_a_private_address(address: str) -> None:
    target = read_target("http://receiver:8080/")
    Reach(allow_hosts=("receiver",)).require(target, [_address(address), _address(SOMEWHERE)])


def _address(text: str) -> Address:
    address = read_address(text)
    assert address is not None
    return address


ANY_ADDRESS = st.one_of(
    st.ip_addresses(), st.integers(0, 2**32 - 1).map(IPv4Address), st.integers(2**125, 2**126 - 1).map(IPv6Address)
)


@given(ANY_ADDRESS)
def test_nothing_is_public_that_python_knows_better(address: Address) -> None:
    if is_public(address):
        assert address.is_global
        assert not any((address.is_multicast, address.is_reserved, address.is_link_local, is_ours(address)))


@given(st.text(max_size=60) | st.from_regex(r"https?://[^/]{1,30}(/.*)?", fullmatch=True))
def test_any_text_is_a_plain_target_or_refused(url: str) -> None:
    with suppress(Undelivered):
        target = read_target(url)
        assert read_target(f"{target.scheme}://{target.authority}{target.path}") == target

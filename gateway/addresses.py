"""Where a request comes from."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNKNOWN = "unknown"


def client_address(scope: Scope, trusted_proxies: Sequence[Network]) -> str:
    """
    The caller's address, for counting: IPv6 by its /64, of which one subscriber has as many addresses as they like.

    Each trusted proxy's word counts for who spoke to it, and nobody else's: X-Forwarded-For is read from its end, up
    to the first address that is no trusted proxy.
    """
    said = (scope.get("client") or [""])[0]
    if not trusted_proxies:
        return _counted(said)
    caller = _address(said)
    if caller is None:
        return UNKNOWN
    for hop in _hops(scope):
        if not any(caller in network for network in trusted_proxies):
            break
        said = _address(hop)
        if said is None:
            break
        caller = said
    return _network_of(caller)


@lru_cache(maxsize=4_096)
def _counted(said: str) -> str:
    """What one who speaks to us directly is counted as: those who come, come again."""
    caller = _address(said)
    return UNKNOWN if caller is None else _network_of(caller)


def _network_of(caller: Address) -> str:
    return str(ip_network((int(caller), 64), strict=False)) if isinstance(caller, IPv6Address) else str(caller)


def _hops(scope: Scope) -> Iterator[str]:
    """What proxies added to X-Forwarded-For, the nearest one's word first."""
    for name, value in reversed(scope["headers"]):
        if name == b"x-forwarded-for":
            yield from reversed(value.decode("latin-1").split(","))


def _address(text: str) -> Address | None:
    """The address in `1.2.3.4`, `1.2.3.4:567`, `2001:db8::1` or `[2001:db8::1]:567`."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        found = ip_address(bare)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found

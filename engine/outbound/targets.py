"""What a URL points at, and whether that may be called."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.outbound.addresses import Address, is_loopback, is_ours, is_public, read_address
from engine.outbound.failures import Reason, Undelivered

LONGEST_URL = 2_048
PORTS = {"http": 80, "https": 443}

# Only what every reader of URLs understands alike: no user name, no fragment, no backslash, no blank, ASCII alone.
_URL = re.compile(
    r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([0-9]{1,5}))?((?:[/?][!\"$-\[\]-~]*)?)", re.ASCII | re.IGNORECASE
)
# A last label that begins with a digit would be an unusual spelling of an IPv4 address.
_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z](?:[a-z0-9_-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Target:
    """`host` is a name in lower case or an address in its usual spelling, `path` all that follows, query included."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def address(self) -> Address | None:
        return read_address(self.host)

    @property
    def authority(self) -> str:
        """The host as its header says it."""
        return bracketed(self.host) + (f":{self.port}" if self.port != PORTS[self.scheme] else "")


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def read_target(url: str) -> Target:
    """Raises Undelivered for a URL that is not written plainly."""
    found = _URL.fullmatch(url) if len(url) <= LONGEST_URL else None
    if found is None:
        raise Undelivered(Reason.URL_REFUSED)
    scheme = found[1].lower()
    port = int(found[3]) if found[3] else PORTS[scheme]
    if not 0 < port < 65_536:
        raise Undelivered(Reason.URL_REFUSED)
    return Target(scheme, _plain_host(found[2].lower()), port, found[4])


def _plain_host(text: str) -> str:
    address = read_address(text.strip("[]"))
    if address is not None and (address.version == 6) == text.startswith("["):
        return str(address)
    if address is not None or not _NAME.fullmatch(text):
        raise Undelivered(Reason.URL_REFUSED)
    return text


@dataclass(frozen=True, slots=True)
class Reach:
    """
    Where calls may go: to the public internet by HTTPS on these ports, and by any scheme and port to what is allowed.

    `allow_hosts` are names or addresses, `allow_loopback` is this machine under whatever name. Addresses that clouds
    answer on, link-local and multicast ones are never called.
    """

    allow_loopback: bool = False
    allow_hosts: tuple[str, ...] = ()
    ports: frozenset[int] = frozenset(PORTS.values())

    def require(self, target: Target, addresses: Sequence[Address]) -> None:
        """Raises Undelivered if `target`, which has these addresses, may not be called: one bad address is enough."""
        if self._allows(target, addresses):
            return
        if not all(is_public(address) for address in addresses):
            raise Undelivered(Reason.ADDRESS_REFUSED)
        self._require_usual(target)

    def require_written(self, url: str) -> None:
        """Raises Undelivered if nothing at `url` may be called, wherever its name leads."""
        target = read_target(url)
        if target.address is not None:
            self.require(target, [target.address])
        elif target.host.rpartition(".")[2] == "localhost" and not self.allow_loopback:
            raise Undelivered(Reason.ADDRESS_REFUSED)
        elif target.host not in self._hosts and not self.allow_loopback:
            self._require_usual(target)

    def _require_usual(self, target: Target) -> None:
        if target.scheme != "https" or target.port not in self.ports:
            raise Undelivered(Reason.URL_REFUSED)

    @property
    def _hosts(self) -> set[str]:
        return {host.lower().strip("[]") for host in self.allow_hosts}

    def _allows(self, target: Target, addresses: Sequence[Address]) -> bool:
        if target.host in self._hosts:
            return all(is_ours(address) or is_public(address) for address in addresses)
        return self.allow_loopback and all(is_loopback(address) for address in addresses)

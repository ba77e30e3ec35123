"""Which addresses belong to the public internet, and which to a network of our own."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

_PRIVATE = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("100.64.0.0/10"),  # shared by the customers of a provider
    IPv6Network("fc00::/7"),
)

# What clouds answer on to the machines they run; two of these look private, one looks public.
_OF_THE_CLOUD = (
    IPv4Network("100.100.100.200/32"),
    IPv4Network("168.63.129.16/32"),
    IPv6Network("fd00:ec2::254/128"),
    IPv6Network("fd20:ce::254/128"),
)

# The special purposes of IANA's registries. IPv6 needs no more: all its public addresses are in one block.
_SPECIAL = (
    IPv4Network("0.0.0.0/8"),  # this network
    IPv4Network("169.254.0.0/16"),  # link-local, and with it the metadata of clouds
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.0.2.0/24"),  # documentation
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv4Network("198.18.0.0/15"),  # benchmarks
    IPv4Network("198.51.100.0/24"),  # documentation
    IPv4Network("203.0.113.0/24"),  # documentation
    IPv4Network("224.0.0.0/4"),  # multicast
    IPv4Network("240.0.0.0/4"),  # reserved, and broadcast
    IPv6Network("2001::/23"),  # protocol assignments, and Teredo, which wraps IPv4
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4, which wraps IPv4
    IPv6Network("3fff::/20"),  # documentation
)

_PUBLIC = (IPv4Network("0.0.0.0/0"), IPv6Network("2000::/3"))


def read_address(text: str) -> Address | None:
    """The address that is written here in the usual way, or None; the zone of an IPv6 address does not count."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def is_public(address: Address) -> bool:
    return _is_in(_PUBLIC, address) and not _is_in(_SPECIAL + _LOOPBACK + _PRIVATE + _OF_THE_CLOUD, address)


def is_loopback(address: Address) -> bool:
    return _is_in(_LOOPBACK, address)


def is_ours(address: Address) -> bool:
    """An address of this machine or of a private network, where a listed host may be."""
    return _is_in(_LOOPBACK + _PRIVATE, address) and not _is_in(_OF_THE_CLOUD, address)


def _is_in(networks: tuple[IPv4Network | IPv6Network, ...], address: Address) -> bool:
    return any(address in network for network in networks)

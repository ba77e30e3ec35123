"""How settings may be written: what is read of each, or a ValueError that says how to write it."""

import re
from ipaddress import ip_address, ip_network
from typing import Any

from pydantic import AnyHttpUrl


def checked_database_url(url: str) -> str:
    if not re.match(r"postgresql\+asyncpg://.", url):
        raise ValueError("write it as postgresql+asyncpg://USER:PASSWORD@HOST:PORT/NAME")
    return url


def checked_redis_url(url: str) -> str:
    if not re.match(r"(redis|rediss|unix)://.", url):
        raise ValueError("write it as redis://HOST:PORT, rediss://… with TLS, or unix://PATH")
    return url


def checked_secure_url(url: AnyHttpUrl) -> AnyHttpUrl:
    if url.scheme != "https" and not _is_loopback(url.host or ""):
        raise ValueError("write it as https://…; plain http:// is for this machine's own addresses alone")
    return url


def checked_bare_url(url: AnyHttpUrl) -> AnyHttpUrl:
    if url.query or url.fragment:
        raise ValueError("write it as http://HOST:PORT, without ? and #")
    return url


def split_at_commas(value: Any) -> Any:
    """What is written with commas between."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def read_networks(text: Any) -> Any:
    return tuple(ip_network(part) for part in text.replace(",", " ").split()) if isinstance(text, str) else text


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"

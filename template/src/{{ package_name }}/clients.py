"""Who asks, as far as an address tells."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from flask import request

UNKNOWN = "unknown"


def client() -> str:
    """Return what the client of this request is counted under."""
    return network(request.remote_addr or "")


def network(address: str) -> str:
    """Return the IPv4 address, or the /64 of the IPv6 address; `unknown` if it is neither.

    Who has one IPv6 address has its /64 (RFC 6177); an IPv4 address that is written as
    IPv6 (RFC 4291, 2.5.5.2) is that IPv4 address.
    """
    try:
        known = ip_address(address)
    except ValueError:
        return UNKNOWN
    if isinstance(known, IPv6Address):
        mapped = known.ipv4_mapped
        return str(mapped or f"{IPv6Address(int(known) >> 64 << 64)}/64")
    return str(known)

"""Addresses: which hosts may be fetched from, and where they may be."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from scanops.errors import ConfigError
from scanops.serving.addresses import AllowList, Place
from scanops.serving.problems import ProblemError

LIST = AllowList(
    "images.example.org, pacs.example.org:8443, http://old.example.org:8042, 10.1.0.0/16, 192.168.5.6"
)


@pytest.mark.parametrize("entries", ["10.1.0.0/16", "10.1.0.0/16, 2001:db8::/32"])
def test_networks_alone_are_refused(entries: str) -> None:
    """They name nobody to ask: the feature would be off without a word."""
    with pytest.raises(ConfigError, match="are networks alone"):
        AllowList(entries)
    assert AllowList(f"{entries}, pacs.hospital.example")


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://images.example.org/a.png?x=1", "images.example.org", 443),
        ("HTTPS://IMAGES.example.org./a.png", "images.example.org", 443),
        ("https://images.example.org:443/", "images.example.org", 443),
        ("https://pacs.example.org:8443/a", "pacs.example.org", 8443),
        ("http://old.example.org:8042/a", "old.example.org", 8042),
        ("https://192.168.5.6/a", "192.168.5.6", 443),
    ],
)
def test_what_is_on_the_list_is_taken_apart(url: str, host: str, port: int) -> None:
    """Scheme, host and port are those of an entry."""
    place = LIST.require(url)
    assert (place.host, place.port) == (host, port)


@pytest.mark.parametrize(
    "url",
    [
        "http://images.example.org/a.png",  # https is meant
        "https://images.example.org:8443/",
        "https://pacs.example.org/",
        "https://other.example.org/",
        "https://images.example.org.evil.test/",
        "https://evil.test/images.example.org",
        "https://evil.test#images.example.org",
        "https://user@images.example.org/",
        "https://images.example.org@evil.test/",
        "https://images.example.org\\@evil.test/",
        "https://evil.test\\.images.example.org/",
        "https://images.example.org\t/",
        "https://images.example.org/\r\nX: y",
        "https://imáges.example.org/",
        "https://10.1.2.3/",  # a network says where hosts may be, not that each address is one
        "https://[::1]/",
        "https://images.example.org:0x1bb/",
        "https://images.example.org:99999/",
        "file:///etc/passwd",
        "gopher://images.example.org/",
        "//images.example.org/",
        "images.example.org",
        "https://",
        "https:///a",
        "",
        "https://images.example.org/" + "a" * 3000,
    ],
)
def test_what_is_not_on_the_list_is_refused(url: str) -> None:
    """And the refusal does not repeat it."""
    with pytest.raises(ProblemError) as caught:
        LIST.require(url)
    assert caught.value.status == 403
    assert "evil" not in caught.value.detail


INSIDE = """
    127.0.0.1 127.8.8.8 0.0.0.1 10.0.0.1 172.16.0.1 192.168.1.1 100.64.0.1 169.254.169.254 168.63.129.16
    100.100.100.200 192.0.0.192 224.0.0.1 255.255.255.255 ::1 :: fe80::1 fe80::1%eth0 fd00:ec2::254 ff02::1
    ::ffff:127.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 2002:7f00:1:: 2001::1 ::127.0.0.1 localhost
"""


@pytest.mark.parametrize("address", INSIDE.split())
def test_addresses_inside_are_refused(address: str) -> None:
    """Loopback, private, link-local, metadata, multicast, and IPv4 in any of IPv6's clothes."""
    assert not LIST.permits(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "10.1.2.3", "192.168.5.6", "::ffff:10.1.2.3"]
)
def test_public_addresses_and_those_that_are_named_are_permitted(address: str) -> None:
    """An entry that names an address or a network lets it be private."""
    assert LIST.permits(address)


def resolved(found: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Resolve a listed host to some addresses."""

    async def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    async def run() -> str:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up, raising=False)
        return await LIST.resolve(Place("https", "images.example.org", 443, "/"))

    return asyncio.run(run())


def test_a_name_leads_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes back is an address, so that nobody looks the name up again."""
    assert resolved(["8.8.8.8", "10.1.9.9"], monkeypatch) == "8.8.8.8"


@pytest.mark.parametrize("found", [["127.0.0.1"], ["8.8.8.8", "169.254.169.254"], ["::1"], []])
def test_a_name_that_leads_inside_is_refused(found: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One address inside among good ones is enough."""
    with pytest.raises(ProblemError, match="at an address"):
        resolved(found, monkeypatch)


@pytest.mark.parametrize("entry", ["ftp://a", "https://a/b", "a b", "http://", "a:b", "user@a"])
def test_an_entry_that_means_nothing_is_refused_at_the_start(entry: str) -> None:
    """A list with a slip in it is not half a list."""
    with pytest.raises(ConfigError, match="allowed host"):
        AllowList(entry)


def test_an_empty_list_is_off() -> None:
    """Nothing allows no host; an address is one."""
    assert not AllowList("")
    assert AllowList("::1").require("https://[::1]/").host == "::1"

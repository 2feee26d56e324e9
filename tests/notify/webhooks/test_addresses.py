"""Where a webhook may be, and by which disguises it may not be elsewhere."""

from ipaddress import ip_address

import httpx
import pytest

from services.notify.webhooks import addresses
from services.notify.webhooks.addresses import Forbidden
from services.notify.webhooks.commands import RegisterWebhook
from shared.errors import InvalidInput

URL = httpx.URL("https://hooks.irpin.example/alliance")
PUBLIC, PUBLIC_6 = "193.109.164.1", "2a02:a31a::1"


@pytest.mark.parametrize(
    "number",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "100.100.100.200",
        "169.254.169.254",
        "168.63.129.16",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:193.109.164.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "100::1",
        "2001::7f00:1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:c1ed:a401::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_what_is_not_a_public_address_gets_nothing(number: str) -> None:
    """Private, local, metadata, multicast, reserved, and IPv4 in the disguise of IPv6."""
    assert not addresses.is_public(ip_address(number))
    with pytest.raises(Forbidden):
        addresses.judge(URL, [number])


@pytest.mark.parametrize("number", [PUBLIC, PUBLIC_6, "8.8.8.8", "2606:4700:4700::1111"])
def test_a_public_address_may_be_connected_to(number: str) -> None:
    """Of either kind, by https; by http never."""
    addresses.judge(URL, [number])
    with pytest.raises(Forbidden):
        addresses.judge(URL.copy_with(scheme="http"), [number])


@pytest.mark.parametrize("others", [["10.0.0.1"], ["::1"], [PUBLIC_6, "169.254.169.254"]])
def test_a_name_of_which_one_address_is_private_is_refused_whole(others: list[str]) -> None:
    """Whichever of them comes first."""
    for numbers in ([PUBLIC, *others], [*others, PUBLIC]):
        with pytest.raises(Forbidden):
            addresses.judge(URL, numbers)


def test_a_name_without_an_address_is_refused() -> None:
    """Nothing was judged, so nothing is allowed."""
    with pytest.raises(Forbidden):
        addresses.judge(URL, [])


def test_this_machine_is_allowed_by_a_setting_only_and_nothing_else_is_by_it() -> None:
    """For the local stack: loopback, also by http; no other private address."""
    here = httpx.URL("http://localhost:8080/")
    with pytest.raises(Forbidden):
        addresses.judge(here, ["127.0.0.1"])
    addresses.judge(here, ["127.0.0.1", "::1"], allow_loopback=True)
    for numbers in (["10.0.0.1"], ["127.0.0.1", "10.0.0.1"], [PUBLIC]):
        with pytest.raises(Forbidden):
            addresses.judge(here, numbers, allow_loopback=True)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.irpin.example",
        "http://hooks.irpin.example/",
        "ftp://hooks.irpin.example/",
        "file:///etc/passwd",
        "https://",
        "https:///secret",
        "https://2130706433/secret",
        "https://0x7f000001/secret",
        "https://0x7f.1/secret",
        "https://127.1/secret",
        "https://0177.0.0.1/secret",
        "https://irpin.example.0x7f/secret",
        "https://[fe80::1%25eth0]/secret",
        "https://user:secret@hooks.irpin.example/",
        "https://hooks.irpin.example/#secret",
        "https://hooks.irpin.example\\@127.0.0.1/secret",
        "https://hooks.irpin.example/ secret",
        "https://hooks.irpin.example/\r\nsecret: 1",
        "https://hooks.ірпінь.example/secret",
        "https://①②⑦.0.0.1/secret",
        "https://%31%32%37.0.0.1/secret",
        "https://hooks.irpin.example:0/secret",
        "https://hooks.irpin.example:99999/secret",
        "https://hooks.irpin.example:x/secret",
        "https://hooks.irpin.example/\ud800secret",
        "https://hooks.irpin.example/" + "secret" * 400,
    ],
)
def test_what_is_no_plain_https_url_is_refused_without_being_shown(url: str) -> None:
    """The error names the field, and not what stood there: that may hold a secret."""
    with pytest.raises(InvalidInput) as refused:
        addresses.parsed(url)
    assert refused.value.facts["field"] == "/url"
    assert "secret" not in f"{refused.value} {refused.value.facts}"
    assert "secret" not in repr(RegisterWebhook(url=url))


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("https://hooks.irpin.example/alliance?key=1", 443),
        ("https://HOOKS.irpin.example.:8443", 8443),
        ("https://xn--h1aqgs7b.example/", 443),
        ("https://193.109.164.1/", 443),
        ("https://[2a02:a31a::1]:8443/", 8443),
    ],
)
def test_usual_urls_are_taken(url: str, port: int) -> None:
    """Names, numbers, ports and queries."""
    assert addresses.port_of(addresses.parsed(url)) == port


async def test_each_look_up_is_judged_anew() -> None:
    """A name that is public when it is registered and private when it is used (rebinding)."""
    answers = [[PUBLIC], ["127.0.0.1"]]

    async def rebinding(host: str, port: int) -> list[str]:
        return answers.pop(0)

    assert await addresses.judged(URL, False, rebinding) == [PUBLIC]
    with pytest.raises(Forbidden):
        await addresses.judged(URL, False, rebinding)


async def test_a_name_that_no_resolver_can_ask_for_has_no_address() -> None:
    """A label of more than 63 letters is as absent as one that is not there."""
    with pytest.raises(OSError, match=r".+"):
        await addresses.judged(httpx.URL(f"https://{'a' * 70}.example/"), False)

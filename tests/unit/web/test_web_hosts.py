"""Which names a service answers for, and which page may send what a responder does."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.telemetry import names
from services.web.hosts import DEFAULT_HOSTS, HostSettings, parse_host

EVIL = [
    "evil.example",
    "evil.example:5003",
    "EVIL.example.",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "localhost@evil.example",
    "evil.example@localhost",
    "notlocalhost",
    "192.0.2.7",
    "0.0.0.0",
    "[::2]",
    "[::]:5003",
    "a b<>/",
    "host:99999999",
    "[::1",
    "::1",
    "[localhost]",
    "localhost:80:80",
    "localhost:http",
    "\xe9",
    ".",
    ":5003",
    "localhost, evil.example",
]
OWN = [
    "",
    "localhost",
    "LocalHost:5001",
    "localhost.",
    "localhost.:5001",
    "127.0.0.1",
    "127.0.0.1:1",
    "127.0.0.1:99999999",
    "localhost:",
    "[::1]",
    "[::1]:5003",
    "[0:0:0:0:0:0:0:1]",
    "assistant:5001",
    "model:5002",
    "pager:5003",
    "host.docker.internal:5001",
]
DETAIL = "The service is not known by the name in the header Host; add the name to TRUSTED_HOSTS in .env."


@pytest.mark.parametrize("path", ["/items", "/metrics", "/openapi.json", "/nothing", "/admin/faults"])
@pytest.mark.parametrize("host", EVIL)
def test_a_request_for_another_host_is_refused_and_counted(service, host, path):
    response = service.client.get(path, environ_overrides={"HTTP_HOST": host})
    assert response.status_code == 400
    assert response.content_type == "application/problem+json"
    assert (response.json["type"], response.json["detail"]) == ("/problems/untrusted-host", DETAIL)
    assert service.sample(names.UNTRUSTED_HOSTS, header="host") == 1


@pytest.mark.parametrize("host", OWN)
def test_a_request_for_an_own_name_is_answered_whatever_its_port(service, host):
    assert service.client.get("/items", environ_overrides={"HTTP_HOST": host}).status_code == 200
    assert service.sample(names.UNTRUSTED_HOSTS, header="host") == 0


@pytest.mark.parametrize(
    ("setting", "trusted"),
    [
        ("lab.example", {"lab.example"}),
        (" Lab.Example. , 192.168.1.20,", {"lab.example", "192.168.1.20"}),
        ("lab.example:5001", {"lab.example"}),
        ("fd00::1,[fd00:0::2]:80", {"fd00::1", "fd00::2"}),
        ("m\u00fcller.example", {"xn--mller-kva.example"}),
        (".lab.example", {".lab.example"}),
        ("", set()),
    ],
)
def test_the_setting_adds_names(monkeypatch, setting, trusted):
    monkeypatch.setenv("TRUSTED_HOSTS", setting)
    assert HostSettings().all() == {*DEFAULT_HOSTS, *trusted}


@pytest.mark.parametrize("setting", ["https://lab.example", "a b", "lab.example/", "*", "[::g]"])
def test_a_setting_that_is_no_name_fails_the_start(monkeypatch, setting):
    monkeypatch.setenv("TRUSTED_HOSTS", setting)
    with pytest.raises(ValidationError, match="is not a host; give names or addresses separated by commas"):
        HostSettings()


@pytest.mark.parametrize(
    ("listen", "added"),
    [
        ("0.0.0.0:5001", set()),
        ("[::]:5001", set()),
        ("192.168.1.20:5001", {"192.168.1.20"}),
        ("[fd00::1]:5001", {"fd00::1"}),
        ("unix:/run/x.sock", set()),
    ],
)
def test_the_address_that_is_bound_is_an_own_name(monkeypatch, listen, added):
    monkeypatch.setenv("LISTEN", listen)
    assert HostSettings().all() == {*DEFAULT_HOSTS, *added}


def test_a_dot_in_front_covers_subdomains_and_nothing_alike(make_service):
    service = make_service(trusted_hosts=".lab.example")
    expected = {"lab.example": 200, "a.lab.example:80": 200, "a.b.lab.example": 200, "xlab.example": 400}
    for host, status in expected.items():
        assert service.client.get("/items", environ_overrides={"HTTP_HOST": host}).status_code == status


PORTS = st.none() | st.integers(0, 10**6).map(str) | st.just("")
LABELS = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,8}[A-Za-z0-9_])?", fullmatch=True)


def authority(host: str, port: str | None) -> str:
    return host if port is None else f"{host}:{port}"


@given(st.lists(LABELS, min_size=1, max_size=4).map(".".join), st.booleans(), PORTS)
def test_a_name_is_read_in_any_spelling(name, is_absolute, port):
    assert parse_host(authority(name + "." * is_absolute, port)) == (name.lower(), port or "")


@given(st.ip_addresses(), PORTS)
def test_an_address_is_read_in_any_spelling(address, port):
    is_v6 = isinstance(address, ipaddress.IPv6Address)
    for text in {str(address), address.exploded, str(address).upper()}:
        assert parse_host(authority(f"[{text}]" if is_v6 else text, port)) == (str(address), port or "")


@given(st.text(max_size=40) | st.text("[]:.@/%-_0aZ lochst", max_size=20))
def test_whatever_is_sent_is_a_host_or_none(text):
    host = parse_host(text)
    if host is not None:
        assert host.name == host.name.lower() != ""
        assert not set(host.name) & set("@/% \t\r\n?#")
        assert text.lower().startswith((host.name, "["))

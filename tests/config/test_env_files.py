"""Compose and native mode read every setting alike, or the lab refuses the file and says where.

Docker Compose itself is the judge. Files are drawn at random, from the same seed each time.
"""

import re
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from lab import compose_file, envfile
from lab.compose_file import Service
from lab.engines.native.derive import Derivation
from lab.errors import LabError
from lab.settings import ROOT
from services.assistant.settings import AssistantSettings
from services.model.settings import ModelSettings
from services.pager.settings import PagerSettings
from services.telemetry.settings import TelemetrySettings, parse_size
from services.web.hosts import HostSettings
from tests.support.labs.compose_config import compose_command, compose_config

LINES = (ROOT / ".env").read_text(encoding="utf-8").splitlines()
KEYS = sorted(envfile.read(ROOT / ".env", {}))
UNSET = "unset"
Value = TypeVar("Value")

few = settings(
    max_examples=30,
    derandomize=True,
    deadline=None,
    # To explain a failure would take minutes.
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
more = settings(few, max_examples=60)

# What two readers of such a file are likely to see differently.
PIECES = [
    *"abzAZ019_-./:=,@%+!?*&|;<>()[]{}~^ \t'\"`$\\#é\u0663\u00a0\u200b\ufeff\u2028\x85\x0b\x0c\x1c\x01\r\n",
    *("$$", "${HOME}", "$HOME", "${X:-y}", "\\n", "\\$", "\r\n", " #", "export ", "http://model:5002/v1", "x" * 3000),
]
values = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
plain = st.text("abzAZ019_-./:=,@%+!?*&|;<>()[]{}~^é", max_size=12)
shell_values = st.one_of(values, st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8))


BEFORE = st.sampled_from([" ", "\t", "export ", "#", "\u00a0", "\ufeff"])
SIGN = st.sampled_from(["==", " = ", "= ", " =", ": ", ":", "", " ", "\t="])
AFTER = st.sampled_from([" ", "\t", " \t ", "\r", "\u00a0", "\x0c", "\x1c", "'", '"', " # remark", "#"])


@st.composite
def lines(draw: st.DrawFn, key: str) -> str:
    """A line for `key` that is odd in one place at most."""
    odd = draw(st.sampled_from(["nothing", "before", "sign", "value", "after"]))
    before = draw(BEFORE) if odd == "before" else ""
    sign = draw(SIGN) if odd == "sign" else "="
    value = draw(values if odd == "value" else plain)
    return f"{before}{key}{sign}{value}{draw(AFTER) if odd == 'after' else ''}"


def accepted(read: Callable[[], Value]) -> Value | None:
    """What the lab reads; None where it refuses, and then it names a line or a setting, and a remedy."""
    try:
        return read()
    except LabError as error:
        assert re.search(r"\n  (line \d+( \(overridden in the shell\))?: \S|[A-Z_]+ is missing)", error.message)
        assert error.remedy
        return None


@few
@given(st.data())
def test_a_line_is_refused_or_read_as_compose_reads_it(data: st.DataObject) -> None:
    compose_command()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / ".env"
        good, shell = [], {}
        for number in range(40):
            key = f"V{number}"
            line = data.draw(lines(key))
            over = {key: data.draw(shell_values)} if number % 4 == 0 else {}
            path.write_bytes(f"# One line.\n{line}\n".encode())
            if accepted(partial(envfile.read, path, over)) is not None:
                good.append(line)
                shell |= over
        path.write_bytes("".join(f"{line}\n" for line in ["# Many lines.", *good]).encode())
        read = envfile.read(path, shell)
        event(f"{len(good) // 10}0 lines and more accepted")
        asked = {f"V{number}": f"${{V{number}-{UNSET}}}" for number in range(40)}
        probe = {"services": {"probe": {"image": "probe", "environment": asked}}}
        (folder / "docker-compose.yml").write_text(yaml.safe_dump(probe))
        # What is in the shell alone is no setting of the lab.
        theirs = compose_config(folder, {key: value for key, value in shell.items() if key in read})
    reported = theirs["services"]["probe"]["environment"]
    assert reported == {key: read.get(key, UNSET) for key in asked}


right = {
    "_PORT": st.integers(20_000, 60_000).map(str),
    "_MEMORY": st.from_regex(r"\A[1-9][0-9]{1,3}(m|g)\Z"),
    "_RETENTION": st.from_regex(r"\A[1-9][0-9]h([1-5]m)?\Z"),
    "_VERSION": st.from_regex(r"\A[0-9]\.[0-9]{1,2}(\.[0-9])?\Z"),
    "TRACE_SAMPLE_RATIO": st.sampled_from(["0", "1", "0.0", "0.001", "1.0"]),
    "SECONDS": st.sampled_from(["1", "0.5", "10", "01.50"]),
}
wrong = {
    "_PORT": st.sampled_from(["0", "70000", "03000", "3000-3005", "1e3", "\u0663", "-1", "3_0", "+1", "0x10", ""]),
    "_MEMORY": st.from_regex(r"\A[0-9\u0663]{1,4}(k|m|g|M|mb|b| m|\.5g)?\Z"),
    "_RETENTION": st.from_regex(r"\A([0-9]{1,2}(ms|s|m|h|d|w)){0,3}\Z"),
    "_VERSION": st.sampled_from(["latest", "1", "v1.2.3", "1.2.3-rc1", "", "\u0661.2"]),
}
# What people change to their own words.
FREE = [key for key in KEYS if not envfile.check(key, "any words")]


def values_of(key: str, kinds: dict[str, st.SearchStrategy[str]], others: st.SearchStrategy[str]) -> Any:
    return next((strategy for kind, strategy in kinds.items() if key.endswith(kind)), others)


RARE = ["line", "gone", "twice", "name"]


@st.composite
def changes(draw: st.DrawFn) -> tuple[bytes, dict[str, str]]:
    """The lab's own `.env` after a few changes, and variables of the shell."""
    text = list(LINES)
    shell: dict[str, str] = {}
    for _ in range(draw(st.integers(1, 3))):
        key = draw(st.one_of(st.sampled_from(FREE), st.sampled_from(KEYS)))
        place = next((index for index, line in enumerate(text) if line.startswith(f"{key}=")), None)
        if place is None:
            continue
        value = draw(values_of(key, right, plain))
        match draw(st.sampled_from(["right", "right", "right", "shell", "shell", "own", "wrong", *RARE])):
            case "right":
                text[place] = f"{key}={value}"
            case "shell":
                shell[key] = draw(st.one_of(st.just(value), st.just(""), shell_values))
            case "wrong":
                text[place] = f"{key}={draw(values_of(key, wrong, values))}"
            case "line":
                text[place] = draw(lines(key))
            case "gone":
                del text[place]
            case "twice":
                text.append(f"{key}={value}")
            case "own":
                text.insert(place, f"MY_OWN={value}")
            case "name":
                text[place] = text[place].replace(key, draw(st.sampled_from([key.lower(), f"{key}.x", key[:-1]])))
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    whole = draw(st.sampled_from(["", "", "\ufeff"])) + end.join(text) + draw(st.sampled_from(["", end]))
    return whole.encode(), shell


@more
@given(changes())
def test_the_whole_lab_is_refused_or_the_same_on_both_engines(change: tuple[bytes, dict[str, str]]) -> None:
    compose_command()
    content, shell = change
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ".env").write_bytes(content)
        (folder / "docker-compose.yml").write_bytes((ROOT / "docker-compose.yml").read_bytes())

        def read() -> dict[str, Service]:
            given_values = envfile.read(folder / ".env", shell)
            compose_file.check_names(folder / "docker-compose.yml", given_values)
            return compose_file.load(folder / "docker-compose.yml", given_values)

        ours = accepted(read)
        event("refused" if ours is None else "accepted")
        if ours is None:
            return
        theirs = compose_config(folder, shell)["services"]
        assert list(theirs) == sorted(ours)
        for service in ours.values():
            assert ours_of(service) == theirs_of(theirs[service.name], folder), service.name
            if service.runs_natively:
                hold_native_environment(service, ours, theirs[service.name])


def ours_of(service: Service) -> dict[str, Any]:
    return {
        "image": service.image,
        "command": list(service.command),
        "environment": dict(service.environment),
        "ports": sorted(service.raw.get("ports", ())),
        "mem_limit": parse_size(str(service.raw["mem_limit"])),
        "mounts": sorted((mount.source.removeprefix("./"), mount.target, mount.bind) for mount in service.mounts),
        "stop_seconds": service.stop_seconds,
        "build": service.raw.get("build", {}).get("args"),
    }


def theirs_of(service: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {
        "image": service["image"],
        "command": service["command"],
        "environment": service.get("environment", {}),
        "ports": sorted(f"{port['host_ip']}:{port['published']}:{port['target']}" for port in service.get("ports", ())),
        "mem_limit": int(service["mem_limit"]),
        "mounts": sorted(
            (mount["source"].removeprefix(f"{folder}/"), mount["target"], mount["type"] == "bind")
            for mount in service.get("volumes", ())
        ),
        "stop_seconds": float(service.get("stop_grace_period", "10s").removesuffix("s")),
        "build": service.get("build", {}).get("args"),
    }


def hold_native_environment(service: Service, services: dict[str, Service], theirs: dict[str, Any]) -> None:
    """Native processes are reported what containers are, but for what `x-native` says and addresses and paths."""
    derivation = Derivation(service, services, Path("/run-folder"))
    differing = service.native.get("environment", {})
    reported = {key: value for key, value in derivation.environment().items() if key not in differing}
    environment = theirs.get("environment", {})
    assert reported == {key: derivation.text(value) for key, value in environment.items() if key not in differing}


@pytest.mark.parametrize(
    ("key", "least", "most"),
    [
        ("LOG_MAX_BYTES", "10000", "1000000000"),
        ("LOG_BACKUPS", "1", "10000"),
        ("TRACE_SAMPLE_RATIO", "0", "1"),
        ("CONVERSATION_HOURS", "0.01", "10000"),
        ("MODEL_FIRST_TOKEN_SECONDS", "0", "60"),
        ("MODEL_TOKENS_PER_SECOND", "0", "1000000"),
        ("MODEL_SEED", "0", "10000"),
        ("CHAT_BUDGET_SECONDS", "0.1", "120"),
        ("MAX_BUSINESS_LABELS", "1", "10000"),
        ("LOG_LEVEL", "DEBUG", "ERROR"),
        ("ESCALATE_SECONDS", "1", "86400"),
        ("WATCHDOG_SILENCE_SECONDS", "1", "86400"),
        ("REMEDIATION_AFTER_SECONDS", "1", "86400"),
        ("REMEDIATION_EVERY_SECONDS", "1", "86400"),
    ],
)
def test_what_the_file_may_say_the_services_accept(
    key: str, least: str, most: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in (least, most):
        assert envfile.check(key, value) is None
        monkeypatch.setenv(key, value)
        for kind in (AssistantSettings, ModelSettings, PagerSettings, TelemetrySettings):
            kind()
    assert envfile.check(key, f"-{least}")
    assert envfile.check(key, str(int(most) + 1) if most.isdigit() else most.lower())


@pytest.mark.parametrize(
    "hosts", ["", "lab.example", ".lab.example,192.168.1.20", "lab.example:5001", "[fd00::1],[fd00::2]:80", "a_b-c"]
)
def test_the_trusted_hosts_of_the_file_are_those_of_the_services(hosts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert envfile.check("TRUSTED_HOSTS", hosts) is None
    monkeypatch.setenv("TRUSTED_HOSTS", hosts)
    HostSettings()
    for wrong_hosts in ("https://lab.example", "*", "lab.example/", "a b", ",", "[x]"):
        assert "separated by commas" in (envfile.check("TRUSTED_HOSTS", wrong_hosts) or "")


@pytest.mark.parametrize(("keys", "names"), [("", set()), ("tenant", {"tenant"}), ("a,b-c", {"a", "b-c"})])
def test_the_baggage_of_the_file_is_that_of_the_services(
    keys: str, names: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert envfile.check("BAGGAGE_KEYS", keys) is None
    monkeypatch.setenv("BAGGAGE_KEYS", keys)
    assert TelemetrySettings().allowed_baggage() == names
    for wrong_keys in ("a b", "a,,b", "a=b", ","):
        assert "separated by commas" in (envfile.check("BAGGAGE_KEYS", wrong_keys) or "")


def test_with_its_files_named_compose_reads_no_others(tmp_path: Path) -> None:
    """What the lab passes to Compose wins over the variables by which a shell may name other files."""
    (tmp_path / ".env").write_text("A=right\n")
    (tmp_path / "other.env").write_text("A=wrong\n")
    (tmp_path / "docker-compose.yml").write_text("services: {probe: {image: probe, environment: {A: '${A-unset}'}}}")
    (tmp_path / "other.yml").write_text("services: {wrong: {image: wrong}}")
    files = ("--file", str(tmp_path / "docker-compose.yml"), "--env-file", str(tmp_path / ".env"))
    for name, value in {
        "COMPOSE_FILE": str(tmp_path / "other.yml"),
        "COMPOSE_ENV_FILES": str(tmp_path / "other.env"),
        "COMPOSE_DISABLE_ENV_FILE": "true",
        "COMPOSE_PROFILES": "wrong",
    }.items():
        services = compose_config(tmp_path, {name: value}, *files)["services"]
        assert services == {"probe": services["probe"]}, name
        assert services["probe"]["environment"] == {"A": "right"}, name

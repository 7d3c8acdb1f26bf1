"""Downloads that are cut, stall, are redirected, meet a full disk, or are wanted twice at once."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from lab.engines.native.install.network import (
    Limits,
    UnavailableError,
    UnreachableError,
    check_reachable,
    client,
    require_https,
)
from lab.settings import ROOT
from tests.support.labs.program_installer import LIMITS, ProgramInstaller
from tests.support.servers.archive_server import Reply, script, serving, tar


def parts(cache: Path) -> list[Path]:
    return [path for path in cache.rglob(".*tempo_*") if path.suffix != ".json"]


def test_a_cut_download_goes_on_where_it_was_cut(installer: ProgramInstaller) -> None:
    reply = installer.offer("tempo")
    reply.cut = 2

    installer.fetch("tempo")

    asked = installer.server.asked(".tar.gz")
    assert [request.headers.get("if-range") for request in asked] == [None, '"one"', '"one"']
    assert asked[1].headers["range"] == f"bytes={asked[0].sent}-"
    assert sum(request.sent for request in asked) == len(reply.content), "nothing was sent twice"


def test_a_download_that_was_left_goes_on_at_the_next_start(installer: ProgramInstaller, cache: Path) -> None:
    reply = installer.offer("tempo")
    reply.cut = 1
    with pytest.raises(UnavailableError, match="closed connection"):
        installer.fetch("tempo", Limits(connect=1, stall=1, tries=1))
    assert parts(cache)

    installer.fetch("tempo")

    assert sum(request.sent for request in installer.server.asked(".tar.gz")) == len(reply.content)
    assert parts(cache) == []


def test_a_whole_file_that_was_left_is_not_sent_again(installer: ProgramInstaller, cache: Path) -> None:
    reply = installer.offer("tempo")
    part = cache / "programs" / "tempo" / f".{installer.folder('tempo').name}-{installer.address('tempo').file}"
    part.parent.mkdir(parents=True)
    part.write_bytes(reply.content)
    url = f"{installer.server.mirror}/{installer.address('tempo').archive.removeprefix('https://')}"
    part.with_name(f"{part.name}.json").write_text(json.dumps({"url": url, "validator": '"one"'}))

    installer.fetch("tempo")

    assert [request.sent for request in installer.server.asked(".tar.gz")] == [0]


def test_a_server_that_sends_no_parts_starts_again(installer: ProgramInstaller) -> None:
    reply = installer.offer("tempo")
    reply.cut, reply.ranges = 1, False

    installer.fetch("tempo")

    assert installer.server.asked(".tar.gz")[-1].sent == len(reply.content)


def test_a_file_that_was_changed_meanwhile_starts_again(installer: ProgramInstaller) -> None:
    reply = installer.offer("tempo", tar({"tempo": script("tempo", "9.9.9")}))
    reply.cut = 1
    with pytest.raises(UnavailableError):
        installer.fetch("tempo", Limits(connect=1, stall=1, tries=1))
    installer.offer("tempo").tag = '"two"'

    installer.fetch("tempo")

    assert installer.notes == []


def test_a_corrupt_part_is_distinguished_from_a_wrong_file(installer: ProgramInstaller, cache: Path) -> None:
    reply = installer.offer("tempo")
    reply.cut, reply.tag = 1, ""
    with pytest.raises(UnavailableError):
        installer.fetch("tempo", Limits(connect=1, stall=1, tries=1))
    with parts(cache)[0].open("r+b") as file:
        file.write(b"rot")

    installer.fetch("tempo")

    assert installer.notes == []


def test_a_download_that_is_cut_every_time_ends(installer: ProgramInstaller) -> None:
    reply = installer.offer("tempo")
    reply.cut, reply.ranges = 100, False

    with pytest.raises(UnavailableError, match="3 times in a row"):
        installer.fetch("tempo")

    assert len(installer.server.asked(".tar.gz")) <= 4


def test_a_download_that_stalls_is_taken_up_again(installer: ProgramInstaller) -> None:
    installer.offer("tempo").hangs = 1

    installer.fetch("tempo")

    assert "no byte came in time; trying again" in installer.said


def test_a_server_that_stalls_for_ever_is_given_up(installer: ProgramInstaller) -> None:
    reply = installer.offer("tempo")
    reply.hangs, reply.ranges = 100, False
    began = time.monotonic()

    with pytest.raises(UnavailableError, match="no byte came in time"):
        installer.fetch("tempo")

    assert time.monotonic() - began < 5


def test_a_busy_server_is_asked_again(installer: ProgramInstaller) -> None:
    installer.offer("tempo").failures = 2

    installer.fetch("tempo")

    assert len(installer.server.asked(".tar.gz")) == 3


@pytest.mark.parametrize(("status", "times"), [(404, 1), (403, 1), (410, 1), (500, 3)])
def test_a_refusal_is_reported_with_its_address(installer: ProgramInstaller, status: int, times: int) -> None:
    installer.offer("tempo").status = status

    with pytest.raises(UnavailableError, match=rf"tempo_.*{status}"):
        installer.fetch("tempo")

    assert len(installer.server.asked(".tar.gz")) == times


def test_a_missing_checksum_file_is_result_of(installer: ProgramInstaller) -> None:
    installer.offer("tempo")
    installer.server.replies[installer.server.path(installer.address("tempo").checksums)] = Reply(status=404)

    with pytest.raises(UnavailableError, match="SHA256SUMS answers 404"):
        installer.fetch("tempo")


def test_a_redirect_to_another_host_is_followed(installer: ProgramInstaller) -> None:
    with serving() as other:
        reply = installer.offer("tempo")
        other.replies["/elsewhere"] = Reply(reply.content, cut=1)
        reply.location = f"{other.address.replace('127.0.0.1', 'localhost')}/elsewhere"

        installer.fetch("tempo")

        assert [request.headers.get("if-range") for request in other.requests] == [None, '"one"']


def test_a_redirect_that_ends_nowhere(installer: ProgramInstaller) -> None:
    installer.offer("tempo").location = "http://127.0.0.1:1/gone"

    with pytest.raises(UnavailableError, match="cannot be reached"):
        installer.fetch("tempo")


def test_a_redirect_in_a_circle(installer: ProgramInstaller) -> None:
    reply = installer.offer("tempo")
    reply.location = installer.server.path(installer.address("tempo").archive)

    with pytest.raises(UnavailableError, match="redirect"):
        installer.fetch("tempo", Limits(connect=1, stall=1, tries=1))


def test_a_redirect_away_from_https_is_refused() -> None:
    hop = httpx.Response(302, request=httpx.Request("GET", "https://vendor.example/a"))
    last = httpx.Response(200, request=httpx.Request("GET", "http://other.example/a"), history=[hop])

    with pytest.raises(UnavailableError, match="without https"):
        require_https("https://vendor.example/a", last)
    require_https("http://mirror.example/a", last)


def test_progress_is_result_of(installer: ProgramInstaller) -> None:
    installer.offer("tempo")

    installer.fetch("tempo")

    assert any("MB (" in text and "%)" in text for text in installer.said)
    assert installer.said[-1] == "unpacking"


@contextlib.contextmanager
def swallowing() -> Iterator[int]:
    """A port that neither takes nor refuses a connection: its queue is full."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_a_network_that_swallows_everything_is_found_out_in_time() -> None:
    with swallowing() as port:
        began = time.monotonic()
        with pytest.raises(UnreachableError):
            check_reachable(f"http://127.0.0.1:{port}/x", 0.3)
        assert time.monotonic() - began < 1


def test_a_resolver_that_does_not_answer_is_found_out_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # Simulates a resolver; a real one takes 5 s and more to give up, regardless of the connection's time-out; it has.
    answered = threading.Event()

    def slow(*_: object, **__: object) -> None:
        answered.wait(10)
        raise socket.gaierror("too late")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    began = time.monotonic()
    try:
        with pytest.raises(UnreachableError, match="does not answer within"):
            check_reachable("https://vendor.invalid/file", 0.2)
        assert time.monotonic() - began < 1
    finally:
        answered.set()


def test_a_host_that_swallows_everything_is_tried_once_for_all_its_files(installer: ProgramInstaller) -> None:
    with swallowing() as port:
        installer.values["PROGRAM_MIRROR"] = f"http://127.0.0.1:{port}"
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            installer.fetch("grafana", Limits(connect=0.5))
        assert time.monotonic() - began < 0.9


def test_a_proxy_is_knocked_at_in_the_place_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        check_reachable("https://vendor.invalid/file", 1)
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1"):
        check_reachable("https://vendor.invalid/file", 1)


def test_a_proxy_of_a_kind_that_is_not_spoken_is_result_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:70")

    with pytest.raises(UnavailableError, match="proxy"):
        client(LIMITS)


# --- other processes: a full disk, and two at once ----------------------------------------------------------------

FETCH = """
import json, sys
from lab.engines.native.install import programs
from lab.engines.native.install.network import Watcher
from lab.errors import LabError
said = []
try:
    found = programs.fetch("tempo", json.loads(sys.argv[1]), Watcher(said.append, said.append))
    print(json.dumps({"source": found.source, "said": said}))
except LabError as error:
    print(json.dumps({"kind": type(error).__name__, "message": error.message, "remedy": error.remedy}))
"""


def fetching(installer: ProgramInstaller, **options: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, json.dumps(installer.values)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def result_of(process: "subprocess.Popen[str]") -> dict[str, object]:
    out, _ = process.communicate(timeout=60)
    return dict(json.loads(out.splitlines()[-1]))


def test_two_at_once_download_once(installer: ProgramInstaller) -> None:
    # The first is held up in the middle, so that the second surely comes while it is at work.
    reply = installer.offer("tempo")
    reply.hangs = 1
    first = fetching(installer)
    deadline = time.monotonic() + 30
    while not installer.server.asked(".tar.gz"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    second = fetching(installer)
    try:
        waited = _until_waiting(installer, second)
        installer.server.released.set()
        answers = [result_of(first), result_of(second)]
    finally:
        first.kill()
        second.kill()

    assert waited
    assert [answer["source"] for answer in answers] == ["cache (archive)"] * 2
    assert "another lab is installing it: waiting" in answers[1]["said"]  # type: ignore[operator]
    whole = sum(request.sent for request in installer.server.asked(".tar.gz"))
    assert whole == len(reply.content), "one download, in two parts"


def _until_waiting(installer: ProgramInstaller, process: "subprocess.Popen[str]") -> bool:
    """Until the process has the lock's file open, which it has just before it waits for it."""
    lock = installer.folder("tempo").parent / ".lock"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            for entry in Path(f"/proc/{process.pid}/fd").iterdir():
                if entry.resolve() == lock.resolve():
                    return True
        time.sleep(0.02)
    return False


def limited(size: int) -> Callable[[], None]:
    def limit() -> None:
        import resource  # noqa: PLC0415 - in the child only

        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.parametrize("room", [20_000, 70_000], ids=["while downloading", "while unpacking"])
def test_a_full_disk_is_reported_and_nothing_half_made_stays(
    installer: ProgramInstaller, cache: Path, room: int
) -> None:
    """By a limit on the size of files, which fails in the same way and needs no rights."""
    reply = installer.offer("tempo")
    assert 20_000 < len(reply.content) < 70_000 < len(script("tempo", "3.0.3"))
    process = fetching(installer, preexec_fn=limited(room), env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})

    answer = result_of(process)

    assert answer["kind"] == "DiskFullError", answer
    assert "The disk is full" in str(answer["message"])
    assert "LAB_CACHE" in str(answer["remedy"])
    assert [path.name for path in cache.rglob("*") if path.is_file()] == [".lock"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    mounted: list[Path] = []

    def mount(size: int) -> Path:
        place = tmp_path / "disk"
        place.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("a small disk can only be mounted by root; the limit on the size of files simulates it")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", str(place)], check=False)


@pytest.mark.parametrize("size", [20_480, 102_400], ids=["while downloading", "while unpacking"])
def test_a_truly_full_disk(
    installer: ProgramInstaller, small_disk: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    disk = small_disk(size)
    monkeypatch.setenv("LAB_CACHE", str(disk))
    installer.offer("tempo")

    answer = result_of(fetching(installer))

    assert answer["kind"] == "DiskFullError", answer
    assert f"{disk}/programs/tempo needs 0." in str(answer["message"])
    assert [path.name for path in disk.rglob("*") if path.is_file()] == [".lock"]

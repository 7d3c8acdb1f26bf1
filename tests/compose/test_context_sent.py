"""What an engine is sent to build images of: its own reading of what `test_what_containers_read.py` holds."""

import tarfile
from pathlib import Path

from tests.compose.container_engine import ContainerEngine
from tests.support.labs.used_checkout import used_checkout

TAG = "observability-lab/context-of-a-test"


def test_an_engine_is_sent_only_files_of_ours(container_engine: ContainerEngine, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    wanted = used_checkout(checkout)
    everything = tmp_path / "Dockerfile"
    everything.write_text("FROM scratch\nCOPY . /context/\n")
    container_engine.docker("build", "--quiet", "--tag", TAG, "--file", str(everything), str(checkout))
    try:
        container = container_engine.docker("create", TAG, "nothing")
        container_engine.docker("export", "--output", str(tmp_path / "context.tar"), container)
        container_engine.docker("rm", container)
    finally:
        container_engine.docker("rmi", TAG)
    with tarfile.open(tmp_path / "context.tar") as tar:
        sent = {name.removeprefix("context/") for name in tar.getnames() if name.startswith("context/")}
        folders = {member.name.removeprefix("context/") for member in tar if member.isdir()}
    assert sent - folders == wanted

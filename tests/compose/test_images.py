"""Our own images: small, without tools of the build, without secrets, for one user."""

import io
import json
import os
import subprocess
import tarfile

import pytest

from lab import compose_file
from lab.engines.choice import current_engine
from lab.settings import ROOT
from tests.compose.container_engine import ContainerEngine
from tests.support.labs.running import RunningLab

OURS = ("init", "assistant", "model", "pager", "loadtest")
# Megabytes that an image adds to its base, with head room of a fifth; docs/engines.md has what was measured.
ADDED_MEGABYTES = {"init": 1, "assistant": 370, "model": 65, "pager": 95, "loadtest": 60}
COMPILERS = ("gcc", "cc", "g++", "ld", "make", "go", "cargo")


@pytest.fixture(params=OURS)
def image(request: pytest.FixtureRequest, running_lab: RunningLab) -> str:
    """Each image of ours in turn; the lab has built it."""
    services = compose_file.load(ROOT / "docker-compose.yml", running_lab.settings.values)
    name: str = services[request.param].image
    return name


def test_it_is_small(image: str, container_engine: ContainerEngine, running_lab: RunningLab) -> None:
    base = f"python:{running_lab.settings.values['PYTHON_VERSION']}-slim-trixie"
    sizes = [int(container_engine.docker("image", "inspect", "--format", "{{.Size}}", one)) for one in (image, base)]
    name = image.split("/")[1].split(":", maxsplit=1)[0]
    assert (sizes[0] - sizes[1]) / 1e6 < ADDED_MEGABYTES[name]


def test_it_has_one_user_and_no_tool_of_its_build(image: str, container_engine: ContainerEngine) -> None:
    [facts] = json.loads(container_engine.docker("image", "inspect", image))
    assert facts["Config"]["User"] == "10001:10001"
    code = (
        "import shutil, importlib.util, pathlib;"
        f"print([n for n in {COMPILERS} if shutil.which(n)],"
        " pathlib.Path('/opt/venv/bin/pip').exists(), pathlib.Path('/root/.cache').exists())"
    )
    seen = container_engine.docker("run", "--rm", "--network=none", "--user=0", image, "-c", code)
    assert seen == "[] False False"


def test_no_layer_holds_a_secret_or_what_is_not_needed(
    image: str, container_engine: ContainerEngine, running_lab: RunningLab
) -> None:
    secrets = [
        current_engine(running_lab.settings).read_secret(name).encode() for name in ("admin_token", "postgres_password")
    ]
    names, found = [], []
    for layer in _own_layers(container_engine, image, running_lab):
        with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
            for member in tar:
                names.append(member.name)
                # Packages are installed by hash and cannot hold a secret that is made at the first start.
                if member.isfile() and not member.name.startswith("opt/venv"):
                    content = tar.extractfile(member)
                    assert content is not None
                    text = content.read()
                    found += [member.name for secret in secrets if secret in text]
    assert found == []
    in_app = [name for name in names if name.startswith("app/")]
    assert in_app
    forbidden = (".git", ".env", ".lab", "tests", "requirements")
    assert [name for name in in_app if name.split("/")[1] in forbidden] == []
    history = container_engine.docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    assert "_password" not in history.lower()


def _own_layers(engine: ContainerEngine, image: str, running: RunningLab) -> list[bytes]:
    """Contents of the layers above the base image."""
    base = f"python:{running.settings.values['PYTHON_VERSION']}-slim-trixie"
    of_base = json.loads(engine.docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", base))
    saved = subprocess.run(
        ["docker", "save", image], env={**os.environ, **engine.environment}, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(saved)) as tar:
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        [described] = json.load(manifest)
        layers = described["Layers"][len(of_base) :]
        contents = [tar.extractfile(layer) for layer in layers]
        return [content.read() for content in contents if content is not None]

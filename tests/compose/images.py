"""The images that docker-compose.yml names: upstream's where they can be had, else made on the spot.

An image that is made here holds the same program at the same version under the same name, with the user, the folders
and the entry point of the upstream image, so that docker-compose.yml runs unchanged. Static programs go on
an empty image; Python and Postgres on a Debian base.
"""

import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.compose_file import load
from lab.engines.native.derive import home_of
from lab.engines.native.install.cache import cache_folder
from lab.engines.native.install.network import Watcher
from lab.engines.native.install.programs import Missing, find, obtain
from lab.errors import LabError
from lab.settings import ROOT

HERE = Path(__file__).parent
_LABEL = "observability-lab.made-on-the-spot-from"
_MADE_BY = f'LABEL {_LABEL}="{{}}"'
_UNPRIVILEGED = 65534


@dataclass(frozen=True)
class Obtained:
    """Where an image comes from; `absent` says why there is none."""

    reference: str
    source: str = ""
    absent: str = ""


@dataclass(frozen=True)
class Static:
    """An image of static programs alone.

    Attributes:
        program: as native mode knows it.
        files: place in the image by name of the executable, in the folder of the program.
        user: numeric id; `user_name` is its name in the image's /etc/passwd.
        folders: folders that belong to the user.
        tree: place of the program's whole home folder, where it needs one.
    """

    program: str
    files: Mapping[str, str]
    user: int
    user_name: str
    entrypoint: str
    folders: tuple[str, ...]
    tree: str = ""


@dataclass(frozen=True)
class Debian:
    """An image of Debian packages.

    Attributes:
        inside: what the image really holds, for the report.
        upload: files of this folder by place in the image.
        commands: run in the new system at the end, as root.
    """

    release: str
    packages: tuple[str, ...]
    inside: str
    changes: tuple[str, ...]
    upload: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[str, ...] = ()


RECIPES: Mapping[str, Static | Debian] = {
    "prom/prometheus": Static(
        "prometheus",
        {"prometheus": "/bin/prometheus", "promtool": "/bin/promtool"},
        _UNPRIVILEGED,
        "unprivileged",
        "/bin/prometheus",
        ("/prometheus",),
    ),
    "prom/alertmanager": Static(
        "alertmanager",
        {"alertmanager": "/bin/alertmanager", "amtool": "/bin/amtool"},
        _UNPRIVILEGED,
        "unprivileged",
        "/bin/alertmanager",
        ("/alertmanager",),
    ),
    "grafana/loki": Static("loki", {"loki": "/usr/bin/loki"}, 10001, "loki", "/usr/bin/loki", ("/loki",)),
    "grafana/tempo": Static("tempo", {"tempo": "/tempo"}, 10001, "tempo", "/tempo", ("/var/tempo",)),
    "otel/opentelemetry-collector-contrib": Static(
        "otelcol", {"otelcol": "/otelcol-contrib"}, 10001, "otel", "/otelcol-contrib", ()
    ),
    "grafana/grafana": Static(
        "grafana",
        {"grafana": "/usr/share/grafana/bin/grafana"},
        472,
        "grafana",
        "/usr/share/grafana/bin/grafana",
        ("/var/lib/grafana",),
        tree="/usr/share/grafana",
    ),
    "python": Debian(
        "bookworm",
        ("python3", "python3-pip", "ca-certificates"),
        "Python 3.11 of Debian 12",
        ('CMD ["python"]', "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"),
        commands=("ln -s /usr/bin/python3 /usr/local/bin/python",),
    ),
    "postgres": Debian(
        "trixie",
        ("postgresql-17",),
        "Postgres 17 of Debian 13",
        (
            'ENTRYPOINT ["docker-entrypoint.sh"]',
            'CMD ["postgres"]',
            "ENV PATH=/usr/local/bin:/usr/lib/postgresql/17/bin:/usr/bin:/bin",
            "ENV PGDATA=/var/lib/postgresql/data",
            # Without it initdb makes a database of bytes, not of UTF-8 text.
            "ENV LANG=C.UTF-8",
        ),
        upload={"postgres-entrypoint.sh": "/usr/local/bin/docker-entrypoint.sh"},
        commands=(
            "chmod 755 /usr/local/bin/docker-entrypoint.sh",
            "install -d -o postgres -g postgres -m 1777 /var/lib/postgresql/data",
            # Docker forgets the mode of a tmpfs at a restart and takes that of the image's folder.
            "install -d -o postgres -g postgres -m 3777 /var/run/postgresql",
        ),
    ),
}


def wanted(values: Mapping[str, str]) -> list[str]:
    """Images that docker-compose.yml takes from elsewhere, and the base of ours."""
    services = load(ROOT / "docker-compose.yml", values).values()
    found = {service.image for service in services if not service.raw.get("build")}
    return sorted(found | {f"python:{values['PYTHON_VERSION']}-slim-trixie"})


def ensure(reference: str, values: Mapping[str, str], say: Callable[[str], None]) -> Obtained:
    """Have an image in the engine: it is there, it can be pulled, or it is made.

    Args:
        say: is called with what is being done; building a program takes minutes.
    """
    if source := _present(reference):
        return Obtained(reference, source)
    say(f"{reference}: pulling")
    pulled = subprocess.run(["docker", "pull", "--quiet", reference], capture_output=True, text=True, check=False)
    if pulled.returncode == 0:
        return Obtained(reference, "upstream")
    recipe = RECIPES[reference.rpartition(":")[0]]
    say(f"{reference}: cannot be pulled; making it")
    try:
        made_from = (
            _debian(reference, recipe) if isinstance(recipe, Debian) else _static(reference, recipe, values, say)
        )
    except LabError as error:
        why = pulled.stderr.strip().splitlines()[-1] if pulled.stderr.strip() else "no answer"
        return Obtained(reference, absent=f"cannot be pulled ({why}) nor made: {error.message}")
    return Obtained(reference, f"made on the spot from {made_from}")


def _present(reference: str) -> str:
    """Where an image that is there comes from; empty where there is none."""
    answer = subprocess.run(["docker", "image", "inspect", reference], capture_output=True, text=True, check=False)
    if answer.returncode:
        return ""
    [facts] = json.loads(answer.stdout)
    if made_from := (facts["Config"]["Labels"] or {}).get(_LABEL):
        return f"made on the spot from {made_from}"
    # An image that was pulled keeps the digest under which its registry knows it.
    return "upstream" if facts["RepoDigests"] else "was there already, of unknown origin"


def _static(reference: str, recipe: Static, values: Mapping[str, str], say: Callable[[str], None]) -> str:
    found = find(recipe.program, values)
    if isinstance(found, Missing):
        if not found.obtainable:
            raise LabError(found.reason)
        found = obtain(recipe.program, values, Watcher(say, say))
    home = found.path.resolve().parent
    made_from = f"{recipe.program} {found.version} ({found.source})"
    changes = [
        f"USER {recipe.user_name if recipe.user == _UNPRIVILEGED else recipe.user}",
        f'ENTRYPOINT ["{recipe.entrypoint}"]',
        _MADE_BY.format(made_from),
    ]
    with _Importing(reference, changes) as target, tarfile.open(fileobj=target, mode="w|") as tar:
        _text(tar, "etc/passwd", f"root:x:0:0::/:/\n{recipe.user_name}:x:{recipe.user}:{recipe.user}::/:/\n")
        _text(tar, "etc/group", f"root:x:0:\n{recipe.user_name}:x:{recipe.user}:\n")
        _folder(tar, "tmp", 0, 0o1777)
        for folder in recipe.folders:
            _folder(tar, folder.lstrip("/"), recipe.user, 0o755)
        certificates = Path("/etc/ssl/certs/ca-certificates.crt")
        if certificates.is_file():
            tar.add(certificates.resolve(), "etc/ssl/certs/ca-certificates.crt", filter=_root)
        for name, place in recipe.files.items():
            tar.add((home / name if (home / name).is_file() else found.path.resolve()), place.lstrip("/"), filter=_root)
        if recipe.tree:
            for part in ("conf", "public"):
                tar.add(home_of(found.path) / part, f"{recipe.tree.lstrip('/')}/{part}", filter=_root)
    return made_from


def _debian(reference: str, recipe: Debian) -> str:
    kept = cache_folder() / "images" / f"{reference.replace(':', '-').replace('/', '-')}.tar"
    changes = (*recipe.changes, _MADE_BY.format(recipe.inside))
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
            new = Path(scratch) / "image.tar"
            _bootstrap(recipe, new)
            new.replace(kept)
    _docker("import", *_options(changes), str(kept), reference)
    return recipe.inside


def _bootstrap(recipe: Debian, target: Path, architecture: str = "") -> None:
    # Packages are asked for from within the image as on this machine: its certificates go along.
    hooks = [f"--customize-hook=upload {HERE / name} {place}" for name, place in recipe.upload.items()]
    hooks += [f'--customize-hook=chroot "$1" {command}' for command in recipe.commands]
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    if "ca-certificates" in recipe.packages and certificates.is_file():
        hooks.append(f"--customize-hook=upload {certificates} {certificates}")
        hooks.append(f"--customize-hook=printf '[global]\\ncert = {certificates}\\n' >\"$1/etc/pip.conf\"")
    chosen = [f"--architectures={architecture}"] if architecture else []
    command = [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        "--skip=cleanup/run",
        f"--include={','.join(recipe.packages)}",
        *chosen,
        *hooks,
    ]
    try:
        answer = subprocess.run([*command, recipe.release, str(target)], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise LabError("there is no mmdebstrap", "apt-get install mmdebstrap") from error
    if answer.returncode:
        raise LabError(f"mmdebstrap: {answer.stderr.strip()[-300:]}")


class _Importing:
    """The standard input of `docker import`, as a file to write a tar stream to."""

    def __init__(self, reference: str, changes: list[str]) -> None:
        self._process = subprocess.Popen(
            ["docker", "import", *_options(changes), "-", reference],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def __enter__(self) -> io.BufferedIOBase:
        assert isinstance(self._process.stdin, io.BufferedIOBase)
        return self._process.stdin

    def __exit__(self, *_: object) -> None:
        _, errors = self._process.communicate()
        if self._process.returncode:
            raise LabError(f"docker import: {errors.decode().strip()}")


def _options(changes: tuple[str, ...] | list[str]) -> list[str]:
    return [part for change in changes for part in ("--change", change)]


def _docker(*arguments: str) -> None:
    answer = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise LabError(f"docker {arguments[0]}: {answer.stderr.strip()}")


def _root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def _folder(tar: tarfile.TarFile, name: str, user: int, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, mode, user, user
    tar.addfile(entry)


def _text(tar: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(text), 0o644
    tar.addfile(entry, io.BytesIO(text.encode()))

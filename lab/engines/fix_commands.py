"""Shell commands that fix problems of the container engine on this machine."""

import grp
import os
import platform
import pwd
from pathlib import Path

# The release that the lab was tried with.
COMPOSE = "v5.0.2"
NATIVE = "LAB_ENGINE=native make up"


def install_docker() -> str:
    """Return the command that installs Docker with its Compose plugin."""
    if platform.system() == "Darwin":
        return "brew install --cask docker"
    # Docker's own script knows the distributions; Debian 12 and older have no Compose plugin among their packages.
    return "curl -fsSL https://get.docker.com | sudo sh"


def install_compose() -> str:
    """Return the command that installs the Compose plugin for this user."""
    machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine(), platform.machine())
    file = f"docker-compose-{platform.system().lower()}-{machine}"
    source = f"https://github.com/docker/compose/releases/download/{COMPOSE}/{file}"
    return f"curl -fsSL --create-dirs -o {_plugin()} {source} && chmod +x {_plugin()}"


def link_compose(program: str) -> str:
    """Return the command that links a separate Compose as Docker's plugin."""
    return f"mkdir -p {Path(_plugin()).parent} && ln -sf {program} {_plugin()}"


def own_engine() -> str:
    """Return the command that selects this machine's own engine."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        if os.environ.get(name):
            return f"unset {name}"
    return "docker context use default"


def start_engine(address: str, again: bool = False) -> str:
    """Return the command that starts (`again`: restarts) the engine at `address`."""
    verb = "restart" if again else "start"
    socket = address.removeprefix("unix://")
    starts = {
        "/.colima/": f"colima {verb}",
        "/.docker/desktop/": f"systemctl --user {verb} docker-desktop",
        "/run/user/": f"systemctl --user {verb} docker",
    }
    if platform.system() == "Darwin":
        starts["/"] = "open -a Docker"
    if socket in {"/var/run/docker.sock", "/run/docker.sock"}:
        systemd = Path("/run/systemd/system").is_dir()
        starts["/"] = f"sudo systemctl {verb} docker" if systemd else f"sudo service docker {verb}"
    return next((command for part, command in starts.items() if part in socket and "://" not in socket), own_engine())


def permission(address: str) -> str:
    """Return the command that gives this user access to the socket; a member of its group only logs in again."""
    group = "docker"
    try:
        name = grp.getgrgid(Path(address.removeprefix("unix://")).stat().st_gid).gr_name
        group = group if name == "root" else name
        user = pwd.getpwuid(os.geteuid()).pw_name
        if user in grp.getgrnam(group).gr_mem:
            return f"newgrp {group}"
    except (KeyError, OSError):
        pass
    return f"sudo usermod -aG {group} $USER && newgrp {group}"


def limits(rootless: bool, cgroup: str) -> str:
    """Return the command that enables limits: delegation for rootless Docker, else a kernel option."""
    if rootless and cgroup == "2":
        folder = "/etc/systemd/system/user@.service.d"
        words = r"[Service]\nDelegate=cpu cpuset io memory pids\n"
        return (
            f"sudo mkdir -p {folder} && printf '{words}' | sudo tee {folder}/delegate.conf && "
            "sudo systemctl daemon-reload && systemctl --user restart docker"
        )
    option = "systemd.unified_cgroup_hierarchy=1" if rootless else "cgroup_enable=memory"
    return f"add {option} to the kernel's command line and restart the machine"


def _plugin() -> str:
    folder = os.environ.get("DOCKER_CONFIG") or "~/.docker"
    return f"{folder}/cli-plugins/docker-compose"

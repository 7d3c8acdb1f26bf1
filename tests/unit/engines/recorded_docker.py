"""What Docker's programs really said, word for word, by the machine on which they said it (Debian 12, docker 28.2.2).

Podman and rootless Docker were run once to record their answers. Shortened to what `docker version` and `docker info`
report of the engine; nothing else is changed.
"""

import json

DOCKER_20 = json.dumps(
    {
        "Client": {"Version": "28.2.2", "ApiVersion": "1.41", "DefaultAPIVersion": "1.50", "Context": "default"},
        "Server": {
            "Platform": {"Name": ""},
            "Components": [
                {"Name": "Engine", "Version": "20.10.24+dfsg1", "Details": {"ApiVersion": "1.41", "Os": "linux"}},
                {"Name": "containerd", "Version": "1.6.20~ds1", "Details": {"GitCommit": "1.6.20~ds1-1+deb12u3"}},
            ],
            "Version": "20.10.24+dfsg1",
            "ApiVersion": "1.41",
            "MinAPIVersion": "1.12",
            "Os": "linux",
        },
    }
)
# Podman 4.3.1 of Debian 12 (`podman system service`), asked by Docker's program.
PODMAN_4 = json.dumps(
    {
        "Client": {"Version": "28.2.2", "ApiVersion": "1.41", "DefaultAPIVersion": "1.50", "Context": "default"},
        "Server": {
            "Platform": {"Name": "linux/amd64/debian-12"},
            "Components": [
                {"Name": "Podman Engine", "Version": "4.3.1", "Details": {"APIVersion": "4.3.1", "Os": "linux"}},
                {"Name": "Conmon", "Version": "conmon version 2.1.6, commit: unknown", "Details": {}},
                {"Name": "Engine", "Version": "4.3.1", "Details": {"ApiVersion": "1.41", "MinAPIVersion": "1.24"}},
            ],
            "Version": "4.3.1",
            "ApiVersion": "1.41",
            "MinAPIVersion": "1.24",
            "Os": "linux",
        },
    }
)
SILENT = json.dumps(
    {"Client": {"Version": "28.2.2", "ApiVersion": "1.50", "DefaultAPIVersion": "1.50"}, "Server": None}
)
INFO = json.dumps(
    {
        "ServerVersion": "20.10.24+dfsg1",
        "MemoryLimit": True,
        "PidsLimit": True,
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": "1",
        "SecurityOptions": ["name=seccomp,profile=default"],
    }
)
# dockerd 20.10.24 --rootless where the kernel has version 1 of cgroups.
INFO_ROOTLESS = json.dumps(
    {
        "ServerVersion": "20.10.24+dfsg1",
        "MemoryLimit": False,
        "PidsLimit": False,
        "CgroupDriver": "none",
        "CgroupVersion": "1",
        "SecurityOptions": ["name=seccomp,profile=default", "name=rootless"],
    }
)

DOCKER_PROGRAM = "Docker version 28.2.2, build e6534b4"
# `podman-docker` puts a script called `docker` before Podman.
PODMAN_PROGRAM = "podman version 4.3.1"
ADDRESS = "unix:///var/run/docker.sock"

CANNOT_CONNECT = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
PERMISSION_DENIED = (
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: "
    'Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.50/version": dial unix /var/run/docker.sock: connect: permission denied'
)
# Docker 28 and 20.10 without the plugin.
NO_PLUGIN = (
    "unknown flag: --short\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' for more information"
)
NO_CONTEXT = (
    'context "nope": context not found: open /home/ann/.docker/contexts/meta/'
    "ca3704aa0b06f5954c79ee837faa152d84d6b2d42838f0637a15eda8337dbdce/meta.json: no such file or directory"
)
BAD_HOST = "invalid bind address format: bad://x"
NO_ENGINE = (
    "request returned 404 Not Found for API route and version http://10.255.255.1:2375/v1.50/info, "
    "check if the server supports the requested API version"
)

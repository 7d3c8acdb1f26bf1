"""What the OpenAPI document allows, and what it does not, meets no server error."""

import subprocess
import sys

from tests.support.labs.running import RunningLab


def test_generated_requests_meet_no_server_error(quiet_lab: RunningLab) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            f"{quiet_lab.url('assistant')}/openapi.json",
            "--checks=not_a_server_error,content_type_conformance",
            "--mode=all",
            "--max-examples=40",
            "--seed=1",
            "--exclude-path-regex=^/admin",
            "--no-color",
        ],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6000:]
    assert "No issues found" in done.stdout

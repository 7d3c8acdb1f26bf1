from pathlib import Path

import pytest

from lab import envfile
from lab.errors import LabError
from lab.settings import ROOT


def read(tmp_path: Path, text: str, **shell: str) -> dict[str, str]:
    path = tmp_path / ".env"
    path.write_bytes(text.encode())
    return envfile.read(path, shell)


def fault(tmp_path: Path, text: str, **shell: str) -> str:
    with pytest.raises(LabError) as caught:
        read(tmp_path, text, **shell)
    assert caught.value.remedy
    return caught.value.message


def test_the_file_of_the_lab_is_sound() -> None:
    values = envfile.read(ROOT / ".env", {})

    assert values["ASSISTANT_PORT"] == "5001"
    assert values["LAB_ENGINE"] == ""


def test_a_variable_of_the_shell_wins(tmp_path: Path) -> None:
    assert read(tmp_path, "GRAFANA_PORT=3000\n", GRAFANA_PORT="3001", OTHER="x") == {"GRAFANA_PORT": "3001"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("GRAFANA_PORT 3000", "line 2: `GRAFANA_PORT 3000` is not KEY=value"),
        ("lower=1", "line 2: `lower=...` is not KEY=value"),
        ('LOG_LEVEL="INFO"', "line 2: LOG_LEVEL has quotes"),
        ("MODEL_NAME=a b", "line 2: MODEL_NAME has quotes, blanks"),
        ("MODEL_NAME=$OTHER", "line 2: MODEL_NAME has quotes, blanks, `$`"),
        ("GRAFANA_PORT=70000", "line 2: GRAFANA_PORT needs a port from 1 to 65535, not `70000`"),
        ("GRAFANA_PORT=", "line 2: GRAFANA_PORT needs a port"),
        ("export LOG_LEVEL=INFO", "line 2: `export LOG_LEVEL=...` is not KEY=value"),
        ("LOG_LEVEL: INFO", "line 2: `LOG_LEVEL:...` is not KEY=value"),
        ("LOG_LEVEL = INFO", "no blanks around `=`"),
        ("MODEL_NAME=a\u200bb", "line 2: MODEL_NAME has an invisible character"),
        ("GRAFANA_PORT=03000", "line 2: GRAFANA_PORT needs a port"),
        ("GRAFANA_PORT=\u0663\u0660\u0660\u0660", "line 2: GRAFANA_PORT needs a port"),
        ("LOKI_MEMORY=0m", "line 2: LOKI_MEMORY needs an amount"),
        ("LOKI_MEMORY=1k", "line 2: LOKI_MEMORY needs an amount such as 512m, 6m at least"),
        ("LOKI_RETENTION=30m1h", "line 2: LOKI_RETENTION needs a duration"),
        ("TEMPO_RETENTION=2d", "line 2: TEMPO_RETENTION needs a duration in hours"),
        ("MODEL_TOKENS_PER_SECOND=1_0", "line 2: MODEL_TOKENS_PER_SECOND needs"),
        ("LOKI_VERSION=latest", "line 2: LOKI_VERSION needs a version"),
        ("LOKI_MEMORY=1 GB", "line 2: LOKI_MEMORY has quotes, blanks"),
        ("LOKI_MEMORY=1gigabyte", "line 2: LOKI_MEMORY needs an amount such as 512m"),
        ("LOKI_RETENTION=two-days", "line 2: LOKI_RETENTION needs a duration"),
        ("TRACE_SAMPLE_RATIO=1.5", "line 2: TRACE_SAMPLE_RATIO needs a share from 0 to 1"),
        ("TRACE_SAMPLE_RATIO=nan", "line 2: TRACE_SAMPLE_RATIO needs a share from 0 to 1"),
        ("LOG_LEVEL=verbose", "line 2: LOG_LEVEL needs DEBUG, INFO, WARNING or ERROR"),
        ("LAB_ENGINE=podman", "line 2: LAB_ENGINE needs `compose`, `native` or nothing"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    assert said in fault(tmp_path, f"# comment\n{line}\n")


def test_all_broken_lines_are_named_at_once(tmp_path: Path) -> None:
    said = fault(tmp_path, "A_PORT=x\nGOOD=1\nB_PORT=y\n")

    assert "line 1" in said
    assert "line 3" in said
    assert "line 2" not in said


def test_a_doubled_key_is_refused(tmp_path: Path) -> None:
    assert "line 2: MODEL_NAME is already on line 1" in fault(tmp_path, "MODEL_NAME=a\nMODEL_NAME=b\n")


def test_two_servers_on_one_port_are_refused(tmp_path: Path) -> None:
    assert "line 2: B_PORT is 3000, which A_PORT has already" in fault(tmp_path, "A_PORT=3000\nB_PORT=3000\n")


def test_a_wrong_value_from_the_shell_says_that_it_came_from_there(tmp_path: Path) -> None:
    assert "line 1 (overridden in the shell): A_PORT" in fault(tmp_path, "A_PORT=3000\n", A_PORT="web")


def test_a_missing_file_and_other_encodings_are_message(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="missing"):
        envfile.read(tmp_path / ".env", {})
    (tmp_path / ".env").write_bytes(b"MODEL_NAME=\xff\xfe\n")
    with pytest.raises(LabError, match="not UTF-8"):
        envfile.read(tmp_path / ".env", {})


def test_a_file_from_windows_is_read_like_any_other(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff# ports\r\nA_PORT=1 \t\r\n\r\n\tMODEL_NAME=a\r\n") == {
        "A_PORT": "1",
        "MODEL_NAME": "a",
    }


@pytest.mark.parametrize("end", ["\r", "\v", "\f", "\x1c", "\x85", "\u2028"])
def test_what_only_python_takes_for_a_line_end_is_refused(tmp_path: Path, end: str) -> None:
    assert "line 1: MODEL_NAME has" in fault(tmp_path, f"MODEL_NAME=a{end}LOG_LEVEL=DEBUG\n")


def test_a_value_of_the_shell_may_hold_what_the_file_may_not(tmp_path: Path) -> None:
    assert read(tmp_path, "MODEL_NAME=a\n", MODEL_NAME='$b "c" #') == {"MODEL_NAME": '$b "c" #'}
    assert read(tmp_path, "MODEL_NAME=a\n", MODEL_NAME="") == {"MODEL_NAME": ""}
    assert "line 1 (overridden in the shell): MODEL_NAME holds a line break" in fault(
        tmp_path, "MODEL_NAME=a\n", MODEL_NAME="a\nb"
    )


def test_a_line_that_is_refused_does_not_show_what_may_be_a_key(tmp_path: Path) -> None:
    for line in ("MODEL_API_KEY = sk-123", "export MODEL_API_KEY=sk-123", 'MODEL_API_KEY="sk-123"', "api: sk-123"):
        assert "sk-123" not in fault(tmp_path, line)


def test_a_key_of_a_provider_is_sent_to_its_own_place(tmp_path: Path) -> None:
    message = fault(tmp_path, "LOG_LEVEL=INFO\nMODEL_API_KEY=sk-123\n")
    assert "line 2: MODEL_API_KEY is not read from here" in message
    assert "`lab key`" in message
    assert "sk-123" not in message


def test_a_folder_in_the_place_of_the_file_is_message(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(LabError, match="cannot be read"):
        envfile.read(tmp_path / ".env", {})

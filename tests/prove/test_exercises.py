"""Every exercise, on the live lab: untouched it does not pass, for the expected reason; with its solution it passes."""

import re

import pytest

from lab.exercises import catalogue
from lab.query import wait_for
from lab.settings import ROOT
from tests.support.labs.running import RunningLab

EXERCISES = [exercise.name for exercise in catalogue.load(ROOT)]


@pytest.mark.usefixtures("traces")
@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_passes_with_its_solution_and_not_without(running_lab: RunningLab, name: str) -> None:
    running_lab.run("exercise", "start", name, "--seed", "1")
    others = _solution(running_lab, name)
    running_lab.run("exercise", "start", name, "--seed", "2")
    own = _solution(running_lab, name)

    untouched = running_lab.run("exercise", "check", name, check=False)
    assert untouched.returncode == 1, untouched.stdout
    assert untouched.stdout.count("no answer yet") == len(own)

    foreign = running_lab.run("exercise", "check", name, *_options(others), check=False)
    assert foreign.returncode == 1, "the values of another session are refused"

    passed = running_lab.run("exercise", "check", name, *_options(own))
    assert "Passed." in passed.stdout


def _solution(running: RunningLab, name: str) -> dict[str, str]:
    """What the solution finds, once the signals of the session are there."""

    def found() -> dict[str, str]:
        done = running.run("exercise", "solution", name, check=False)
        return dict(re.findall(r"^  --answer (\w+)=(\S+)$", done.stdout, re.MULTILINE))

    answers = wait_for(found, 20)
    assert answers, f"{name}: the solution finds nothing"
    return answers


def _options(answers: dict[str, str]) -> list[str]:
    return [part for key, value in answers.items() for part in ("--answer", f"{key}={value}")]

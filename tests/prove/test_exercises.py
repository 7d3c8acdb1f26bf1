"""Every exercise, on the live lab: untouched it does not pass, for the expected reason; with its solution it passes."""

import re

import pytest

from lab.exercises import catalogue
from lab.settings import ROOT
from tests.support.running import RunningLab

EXERCISES = [exercise.name for exercise in catalogue.load(ROOT)]


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_passes_with_its_solution_and_not_without(running_lab: RunningLab, name: str) -> None:
    running_lab.run("exercise", "start", name, "--seed", "1")
    answers = _solution(running_lab, name)

    running_lab.run("exercise", "start", name, "--seed", "2")
    untouched = running_lab.run("exercise", "check", name, check=False)
    assert untouched.returncode in {1, 3}
    solved = _solution(running_lab, name)
    untouched = running_lab.run("exercise", "check", name, check=False)
    assert untouched.returncode == 1, untouched.stdout
    assert untouched.stdout.count("no answer yet") == len(answers)

    foreign = running_lab.run("exercise", "check", name, *answers, check=False)
    assert foreign.returncode == 1, "the values of another session are refused"

    passed = running_lab.run("exercise", "check", name, *solved)
    assert "Passed." in passed.stdout


def _solution(running: RunningLab, name: str) -> list[str]:
    """The answers that the solution finds, as options of `check`."""
    for _ in range(20):
        done = running.run("exercise", "solution", name, check=False)
        found = re.findall(r"--answer (\w+=\S+)", done.stdout.split("\n")[-1] + done.stdout)
        if done.returncode == 0 and found:
            return [part for one in dict.fromkeys(found) if "..." not in one for part in ("--answer", one)]
    raise AssertionError(f"{name}: the solution finds nothing\n{done.stdout}{done.stderr}")

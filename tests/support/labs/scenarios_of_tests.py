"""The `lab` command with one more scenario, which stops Loki: `python -m tests.support.labs.scenarios_of_tests ...`."""

from pathlib import Path

from lab.cli import main
from loadtest.scenarios import catalogue

SCENARIOS = Path(__file__).parent / "scenarios"

if __name__ == "__main__":
    catalogue.__path__.append(str(SCENARIOS))
    main()

"""The `lab` command with one more scenario, which stops Loki: `python -m tests.support.scenarios_of_tests ...`."""

from pathlib import Path

from lab.cli import main
from loadtest import scenarios

SCENARIOS = Path(__file__).parent / "scenarios"

if __name__ == "__main__":
    scenarios.__path__.append(str(SCENARIOS))
    main()

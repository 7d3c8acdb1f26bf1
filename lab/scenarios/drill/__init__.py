"""`lab drill`: all scenarios, the independent ones at the same time."""

"""Runs a scenario against the running lab: switches its faults, watches the signals, tells what came of it."""

"""Runs a scenario against the running lab: load, faults, observation, verdict, report."""

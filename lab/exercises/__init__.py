"""Starts exercises, gives hints, and asks the running lab whether they are solved."""

"""Exercises: their catalogue, the learner's sessions, and checks on the running lab."""

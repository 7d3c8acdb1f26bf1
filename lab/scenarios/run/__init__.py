"""Runs one scenario: preflight, load, faults, clean-up."""

"""Rotation, shifts and escalation."""

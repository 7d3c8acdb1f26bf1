"""Observes the effects, alerts and notifications of a run."""

"""Incidents: storage, lifecycle and the actions of responders."""

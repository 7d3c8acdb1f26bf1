"""Periodic jobs: escalation, heartbeat, reconciliation, remediation."""

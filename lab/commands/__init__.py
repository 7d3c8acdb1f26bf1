"""The `lab` command: its sub-commands."""

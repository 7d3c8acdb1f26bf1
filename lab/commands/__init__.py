"""The `lab` command: one module per command."""

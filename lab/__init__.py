"""The `lab` command: `engines/` runs the servers, `query/` has their clients."""

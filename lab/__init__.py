"""The `lab` command: a module a job, `engines/` to run the servers, `query/` to ask them."""

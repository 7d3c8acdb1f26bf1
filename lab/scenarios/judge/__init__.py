"""Compares what a run observed with what its scenario expects, and writes the report."""

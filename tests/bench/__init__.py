"""Benchmarks: figures for people to read, not tests. Machines differ, so ratios are taken within one run."""

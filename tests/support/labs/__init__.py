"""Whole labs for tests: real, small and stub ones, and the programs and checkouts they need."""

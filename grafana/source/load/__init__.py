"""The dashboard "The lab and its load": what users saw beside what the service saw, and what is broken on purpose."""

"""Installs the server programs: PATH, cache, vendor archive, Go build."""

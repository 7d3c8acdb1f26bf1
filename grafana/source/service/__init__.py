"""The dashboard "Service": is the assistant well, and if not, where to look. One module a row."""

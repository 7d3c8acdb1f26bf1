"""The dashboard "The lab and its load": the users' view, the service's view, and the active faults."""

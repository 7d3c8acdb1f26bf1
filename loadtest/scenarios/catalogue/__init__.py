"""The scenarios, one class per file, in a folder per failing part."""

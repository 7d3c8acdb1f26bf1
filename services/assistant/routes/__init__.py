"""The assistant's addresses, a module each."""

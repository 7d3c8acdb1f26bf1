"""Shared by the databases of assistant and pager: column type, SQLite set-up, migrations."""

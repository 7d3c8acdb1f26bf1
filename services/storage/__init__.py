"""What the databases of assistant and pager share: column type, SQLite set-up, migrations."""

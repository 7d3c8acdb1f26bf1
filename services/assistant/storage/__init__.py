"""Database, tables, connection pool, retention and disk quota."""

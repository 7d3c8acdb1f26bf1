"""A slow statement, a database that refuses connections, a pool without a free one."""

import math
import time

from flask import g
from sqlalchemy import PoolProxiedConnection, event, text
from sqlalchemy.exc import SQLAlchemyError

from services.assistant.app_state import Assistant
from services.assistant.faults import request_target
from services.assistant.faults.kinds import DATABASE_UNREACHABLE, POOL_EXHAUSTED, SLOW_QUERY
from services.assistant.resilience import remaining_seconds
from services.assistant.storage.database import Database
from services.web.faults import ActiveFault, FaultRegistry

# Seconds between two attempts to take a connection that became free.
_TAKE_SECONDS = 0.02


def init_app(assistant: Assistant) -> None:
    """Add the failpoints to the database."""
    database, faults = assistant.database, assistant.faults
    database.before_transaction = lambda: _run_slowly(database, faults)
    database.pool.wait_listeners.append(lambda _, acquired: None if acquired else faults.hit(POOL_EXHAUSTED.name))
    database.set_failpoint(lambda: _refuse(database, faults))
    faults.on_start(POOL_EXHAUSTED.name, lambda fault: hold(database, fault))
    if database.is_sqlite:
        event.listen(
            database.engine, "connect", lambda connection, _: connection.create_function("pg_sleep", 1, _sleep)
        )


def _run_slowly(database: Database, faults: FaultRegistry) -> None:
    """Run a slow statement once in an affected request, in a transaction of its own so that it locks nothing."""
    if not faults.any_active:  # the usual case
        return
    target = {"route": request_target.route(), "business_id": request_target.business_id()}
    if target["route"] is None or "slow_query" in g or not faults.active(SLOW_QUERY.name, **target):
        return
    fault = faults.hit(SLOW_QUERY.name, **target)
    g.slow_query = fault  # one draw for all statements of a request
    if fault is None:
        return
    with database.engine.connect() as connection:
        database.limit(connection)
        connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": fault.parameters["seconds"]})


def _sleep(seconds: float) -> None:
    """Take time within a statement of SQLite, as pg_sleep of Postgres does, within the time budget."""
    left = remaining_seconds()
    time.sleep(min(seconds, left))
    if seconds > left:
        raise TimeoutError("canceling statement due to statement timeout")


def _refuse(database: Database, faults: FaultRegistry) -> None:
    if faults.hit(DATABASE_UNREACHABLE.name):
        # The driver's error for a port without a listener.
        raise database.engine.dialect.loaded_dbapi.OperationalError("connection refused")


def hold(database: Database, fault: ActiveFault) -> None:
    """Hold the share of the pool's connections that the intensity gives, until the fault ends."""
    pool = database.pool
    share = max(1, math.ceil(fault.intensity * pool.size()))
    held: list[PoolProxiedConnection] = []
    while not fault.ended.wait(_TAKE_SECONDS):
        while len(held) < share and pool.has_free:
            try:
                held.append(pool.take())
            except (SQLAlchemyError, database.engine.dialect.loaded_dbapi.Error):
                break  # a request was faster, or the database is down
    for connection in held:
        connection.close()

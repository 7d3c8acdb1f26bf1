"""A slow statement, a database that refuses connections, a pool without a free one."""

import math
import threading

from flask import g
from sqlalchemy import PoolProxiedConnection, text
from sqlalchemy.exc import SQLAlchemyError

from services.assistant.context import Assistant
from services.assistant.database import Database
from services.assistant.faults import at_hand
from services.assistant.faults.kinds import DATABASE_UNREACHABLE, POOL_EXHAUSTED, SLOW_QUERY
from services.web.faults import ActiveFault, FaultRegistry

# How often connections that were given back are taken.
_TAKE_SECONDS = 0.02


def init_app(assistant: Assistant) -> None:
    """Join the database."""
    database, faults = assistant.database, assistant.faults
    database.before_transaction = lambda: _run_slowly(database, faults)
    database.pool.waited = lambda seconds, came: _waited(assistant, seconds, came)
    database.guard(lambda: _refuse(database, faults))
    faults.when_on(POOL_EXHAUSTED.name, lambda fault: hold(database, fault))


def _run_slowly(database: Database, faults: FaultRegistry) -> None:
    """Run a slow statement, once in a request that is hit, in a transaction of its own: it locks nothing."""
    if not faults.any_on:  # the usual case
        return
    about = {"route": at_hand.route(), "business_id": at_hand.business()}
    if about["route"] is None or "slow_query" in g or not faults.active(SLOW_QUERY.name, **about):
        return
    fault = faults.hit(SLOW_QUERY.name, **about)
    g.slow_query = fault  # a request is drawn once, however many statements it has
    if fault is None:
        return
    with database.engine.connect() as connection:
        database.limit(connection)
        connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": fault.parameters["seconds"]})


def _waited(assistant: Assistant, seconds: float, came: bool) -> None:
    assistant.instruments.pool_waited(seconds, came)
    if not came:
        assistant.faults.hit(POOL_EXHAUSTED.name)


def _refuse(database: Database, faults: FaultRegistry) -> None:
    if faults.hit(DATABASE_UNREACHABLE.name):
        # What a driver says when nobody listens.
        raise database.engine.dialect.loaded_dbapi.OperationalError("connection refused")


def hold(database: Database, fault: ActiveFault) -> None:
    """Hold connections of the pool, as many as the strength says, until the fault is over."""
    pool = database.pool
    wanted = max(1, math.ceil(fault.strength * pool.size()))
    held: list[PoolProxiedConnection] = []
    lock = threading.Lock()

    def take() -> None:
        while not fault.over.wait(_TAKE_SECONDS):
            while len(held) < wanted and pool.has_free:
                try:
                    connection = pool.take()
                except (SQLAlchemyError, database.engine.dialect.loaded_dbapi.Error):
                    break  # a request was faster, or there is no database just now
                with lock:
                    if not fault.over.is_set():
                        held.append(connection)
                        continue
                connection.close()
                return

    # A thread of its own: it may wait for a connection while those that are held must be given back.
    threading.Thread(target=take, name="pool-holder", daemon=True).start()
    fault.over.wait()
    with lock:
        for connection in held:
            connection.close()
        held.clear()

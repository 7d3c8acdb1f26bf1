"""Runs through many steps of four people of one kind without waiting between them. Run by test_people_runs.py."""

import json
import sys
from collections import Counter

from locust.env import Environment

from loadtest.stats import pruning
from loadtest.users import users
from loadtest.users.ledger import Ledger

kind = getattr(users, sys.argv[3])
kind.host = sys.argv[1]
environment = Environment(user_classes=[kind])
environment.create_local_runner()  # it is what counts requests
people = [kind(environment) for _ in range(4)]
waits = []
for _ in range(int(sys.argv[2])):
    for person in people:
        person.step()
        waits.append(person.wait_time())
for person in people[1:3]:
    person.on_stop()  # whose numbers are free again
people += [kind(environment) for _ in range(3)]
stats = environment.stats
seconds = len(stats.total.num_reqs_per_sec)
pruning.delete_old(stats, now=stats.total.last_request_timestamp + 1000)
print(
    json.dumps(
        {
            "names": Counter({entry.name: entry.num_requests for entry in stats.entries.values()}),
            "failures": stats.total.num_failures,
            "errors": [str(error.error) for error in stats.errors.values()],
            "requests": stats.total.num_requests,
            "seconds_before": seconds,
            "seconds_after": sum(len(entry.num_reqs_per_sec) for entry in [stats.total, *stats.entries.values()]),
            "numbers": [person.number for person in people],
            "ledger": Ledger.of(environment).document(),
            "mean_wait": sum(waits) / len(waits),
        }
    )
)

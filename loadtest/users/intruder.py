"""The user that guesses tokens of the admin API; only status 401 counts as a success."""

import itertools
import os

from loadtest.users.token_guesses import Attempt, attempts
from loadtest.users.user_flow import Person, UserFlow


class Intruder(Person):
    """Calls the admin API with one invalid token after the other."""

    def _run_sessions(self) -> UserFlow:
        for attempt in attempts(int(os.environ.get("LAB_SEED", "1")), self.name):
            self._thinks = itertools.repeat(attempt.pause)
            self._try(attempt)
            yield

    def _try(self, attempt: Attempt) -> None:
        headers = {"Authorization": f"Bearer {attempt.token}"}
        body = {"level": "DEBUG"} if attempt.method == "PUT" else None
        with self.client.request(
            attempt.method, attempt.path, name="admin: wrong token", json=body, headers=headers, catch_response=True
        ) as response:
            if response.status_code == 401:
                response.success()
            else:
                response.failure(f"status {response.status_code} in the place of 401")

"""The links in mails lead to the newest incident of an alert and a service."""

from tests.support.pager import Pager, notice

LINK = "/incidents/latest?alert=ErrorRateCritical&service=assistant"


def test_the_newest_incident_is_found(pager: Pager) -> None:
    pager.send(notice())
    pager.send(notice(resolved_at="2026-11-22T14:05:00Z"))
    pager.send(notice(lambda body: body["alerts"][0].update(startsAt="2026-11-22T14:10:00Z")))
    newest = max(incident["id"] for incident in pager.incidents())
    assert newest == 2
    answer = pager.client.get(LINK)
    assert (answer.status_code, answer.location) == (302, f"/incidents/{newest}")


def test_without_one_the_list_opens(pager: Pager) -> None:
    for link in (LINK, "/incidents/latest", "/incidents/latest?alert=%00&service=//elsewhere.example"):
        answer = pager.client.get(link)
        assert (answer.status_code, answer.location) == (302, "/")

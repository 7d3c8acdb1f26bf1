"""Dashboards cannot read an environment: where browsers find the pager is a metric."""

from tests.support.alerting.pager import Pager


def test_the_pager_reports_its_address(pager: Pager) -> None:
    assert "pager_address_info{" not in pager.client.get("/metrics").text
    pager.start(pager_url="http://pager.test:5003")
    assert 'pager_address_info{url="http://pager.test:5003"} 1.0' in pager.client.get("/metrics").text

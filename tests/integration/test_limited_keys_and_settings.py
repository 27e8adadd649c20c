"""What a key with a monthly limit may do with settings: read them."""

import pytest
from aiohttp.test_utils import TestClient

from ledger.api_keys import ApiKeys
from tests.support.people import HASHER, Desk

CHANGES = [("PUT", "/v1/credits/settings"), ("POST", "/v1/credits/auto-recharge/setup")]


@pytest.mark.parametrize(("method", "path"), CHANGES)
async def test_a_key_with_a_limit_changes_no_settings(
    desk: Desk, client: TestClient, method: str, path: str
) -> None:
    """It is given out so that it can spend little: it cannot have more credits bought for all."""
    account = await desk.accounts.create("Ada")
    keys = ApiKeys(desk.pool, HASHER)
    limited = await keys.create(account.account_id, "limited", monthly_limit_mc=5_000)
    free = await keys.create(account.account_id, "free")
    wish = {"lowBalanceThresholdCredits": 7} if method == "PUT" else None
    statuses = {}
    for created in (limited, free):
        headers = {"X-Account": account.account_id, "X-Key": created.api_key.key_id}
        async with client.request(method, path, headers=headers, json=wish) as response:
            statuses[created.api_key.name] = response.status
        async with client.get("/v1/credits/settings", headers=headers) as response:
            assert response.status == 200
    assert statuses["limited"] == 403
    assert statuses["free"] != 403

"""The account's API keys: made, limited, revoked."""

from collections.abc import Mapping

from console.page.query import PageQuery
from console.page.visitor import Visitor
from ledger.api_keys import ApiKeys


class KeysPart:
    """Keys, those that are good first. A new one's text is shown in the answer that made it."""

    name = "keys"
    title = "API keys"

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys

    async def load(self, visitor: Visitor, _query: PageQuery) -> Mapping[str, object]:
        keys = await self._keys.of_account(visitor.account_id)
        return {
            "good": [key for key in keys if key.revoked_at is None],
            "revoked": [key for key in keys if key.revoked_at is not None],
            "created": None,
            "typed": {},
            "wrong": {},
        }

"""The account's API keys: made, limited, revoked."""

from collections.abc import Mapping

from console.page.query import PageQuery
from console.page.visitor import Visitor
from ledger.api_keys import ApiKeys

SHOWN = 20
_ALL = "all"


class KeysPart:
    """Keys, those that are good first. A new one's text is shown in the answer that made it."""

    name = "keys"
    title = "API keys"

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys

    async def load(self, visitor: Visitor, query: PageQuery) -> Mapping[str, object]:
        keys = await self._keys.of_account(visitor.account_id)
        good = [key for key in keys if key.revoked_at is None]
        revoked = [key for key in keys if key.revoked_at is not None]
        shown = len(keys) if query.get("keys") == _ALL else SHOWN
        return {
            "good": good[:shown],
            "more_good": len(good[shown:]),
            "revoked": revoked[:shown],
            "more_revoked": len(revoked[shown:]),
            "created": None,
            "typed": {},
            "wrong": {},
        }

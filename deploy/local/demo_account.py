"""The account of the first run: made once, with credits and a key, and found again later."""

from dataclasses import dataclass

from deploy.local.made_secrets import SecretsFile
from deploy.local.own_api import OwnApi

NAME = "Demo"
WELCOME_CREDITS = 10_000
# The entry is posted once for ever, however often it is asked for.
WELCOME = {
    "credits": WELCOME_CREDITS,
    "description": "Welcome credits",
    "idempotencyKey": "first-run",
}
_NOT_THERE = 404
_GOOD = 200


@dataclass(frozen=True)
class DemoAccount:
    """What a first call needs. Its repr does not show the key."""

    account_id: str
    api_key: str
    balance_mc: int

    def __repr__(self) -> str:
        return f"DemoAccount({self.account_id})"


class DemoAccounts:
    """Makes and finds the account, as an operator. Its methods raise OwnApiError."""

    def __init__(self, api: OwnApi, admin_token: str, file: SecretsFile) -> None:
        self._api = api
        self._admin_token = admin_token
        self._file = file

    def ensure(self) -> DemoAccount:
        """The account with its key; what is missing of them, or not good any more, is made."""
        account_id = self._ensure_account()
        self._post(f"/admin/accounts/{account_id}/grants", WELCOME)
        key = self._file.read().get("api_key", "")
        if not key or self._owner_of(key) != account_id:
            key = self._post(f"/admin/accounts/{account_id}/keys", {"name": NAME})["key"]
            self._file.keep(api_key=key)
        balance = self._api.expect("GET", "/v1/credits/balance", token=key)
        return DemoAccount(account_id, key, int(balance["balanceMillicredits"]))

    def console_url(self, account: DemoAccount) -> str:
        """A link that signs in to the account's Credits page, once."""
        path = f"/admin/accounts/{account.account_id}/console-sessions"
        return self._post(path, {})["url"]

    def _ensure_account(self) -> str:
        account_id = self._file.read().get("account_id", "")
        if account_id:
            path = f"/admin/accounts/{account_id}"
            if self._api.call("GET", path, token=self._admin_token).status != _NOT_THERE:
                return account_id
        account_id = self._post("/admin/accounts", {"name": NAME})["accountId"]
        self._file.keep(account_id=account_id)
        return account_id

    def _owner_of(self, key: str) -> str | None:
        answer = self._api.call("GET", "/v1/credits/balance", token=key)
        return answer.content["accountId"] if answer.status == _GOOD else None

    def _post(self, path: str, body: object) -> dict[str, str]:
        return self._api.expect("POST", path, token=self._admin_token, body=body)

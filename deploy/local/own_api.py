"""Calls the stack's own HTTP API, as its operator or as its customer."""

from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

TIMEOUT_S = 10.0


class OwnApiError(Exception):
    """The stack does not answer, or not as it should; says what was asked and answered."""


class Answer(NamedTuple):
    """A status and a JSON object."""

    status: int
    content: dict[str, Any]


class OwnApi:
    """The API at `base_url`. No proxy of the environment's is asked."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        body: object = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        """The answer, whatever its status.

        Raises:
            OwnApiError: there was none, or one that is no JSON object.
        """
        url = urlsplit(self._base_url)
        connection = HTTPConnection(url.hostname or "", url.port, timeout=timeout_s)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        content = None if body is None else msgspec.json.encode(body)
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, content, headers)
            answered = connection.getresponse()
            fields = msgspec.json.decode(answered.read(), type=dict[str, Any])
        except (OSError, HTTPException, msgspec.MsgspecError) as error:
            raise OwnApiError(f"{method} {path}: {error}") from error
        finally:
            connection.close()
        return Answer(answered.status, fields)

    def expect(self, method: str, path: str, *, token: str, body: object = None) -> dict[str, Any]:
        """The content of an answer that is a success.

        Raises:
            OwnApiError: it is none.
        """
        answer = self.call(method, path, token=token, body=body)
        if answer.status >= 300:
            raise OwnApiError(f"{method} {path}: {answer.status} {answer.content}")
        return answer.content

"""Errors as OpenAI's SDKs expect them: a status and an envelope."""

from collections.abc import Mapping
from typing import Any

import msgspec


class ApiError(Exception):
    """An answer other than 2xx, with OpenAI's envelope as its body.

    `param` names the field at fault. `extra` goes into the envelope, `beside` next to it.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        error_type: str = "invalid_request_error",
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        beside: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})
        self.body = {
            "error": {
                "message": message,
                "type": error_type,
                "param": param,
                "code": code,
                **(extra or {}),
            },
            **(beside or {}),
        }

    def encode(self) -> bytes:
        """The body as JSON."""
        return msgspec.json.encode(self.body)

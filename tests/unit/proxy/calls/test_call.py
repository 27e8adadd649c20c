"""What leaves for the provider: the client's own bytes, or as little more as needs be."""

import msgspec
import pytest

from ledger.authentication import Identity
from proxy.calls.call import Call
from proxy.calls.reading import bounds_of, decode_chat
from tests.support.rates import shipped_table

TABLE = shipped_table()
ODD = b' {"messages" : [{"role":"user","content":"\\u00e9 \xc3\xa9"}] ,"seed":1E2,"model":"gpt-4o"'


def call_of(body: bytes, limit_field: str = "max_tokens") -> Call:
    """The call that a body asks for."""
    model = msgspec.structs.replace(TABLE.models["gpt-4o"], limit_field=limit_field)
    chat = decode_chat(body)
    return Call(
        request_id="r",
        identity=Identity("a", "k", "sk-tg-AbCdEf"),
        body=body,
        chat=chat,
        model=model,
        table=TABLE,
        bounds=bounds_of(chat, model, len(body)),
        created_at_ms=0,
    )


@pytest.mark.parametrize(
    "more",
    [
        b"}",
        b',"stream":false}',
        b',"stream":null,"stream_options":null}',
        b',"stream":true,"stream_options":{ "include_usage":true , "x":1} }\n',
        b',"max_tokens":5}',
    ],
)
def test_a_body_that_needs_nothing_is_not_touched(more: bytes) -> None:
    """Read: byte for byte, the very same object."""
    body = ODD + more
    assert call_of(body).upstream_body(None) is body


@pytest.mark.parametrize(
    ("more", "options"),
    [
        (b',"stream":true}', b'{"include_usage":true}'),
        (b',"stream":true,"stream_options":null}', b'{"include_usage":true}'),
        (b',"stream":true,"stream_options":{}}', b'{"include_usage":true}'),
        (
            b',"stream_options":{"x":1.0e0,"include_usage":false,"y":"\\u00e9"},"stream":true}',
            b'{"x":1.0e0,"include_usage":true,"y":"\\u00e9"}',
        ),
    ],
)
def test_usage_is_asked_for_and_all_else_stays(more: bytes, options: bytes) -> None:
    """Relay: values that are not ours keep their digits and escapes."""
    sent = call_of(ODD + more).upstream_body(None)
    fields = msgspec.json.decode(sent, type=dict[str, msgspec.Raw])
    assert bytes(fields["stream_options"]) == options
    assert bytes(fields["seed"]) == b"1E2"
    assert b'"content":"\\u00e9 \xc3\xa9"' in sent
    given = msgspec.json.decode(ODD + more, type=dict[str, msgspec.Raw])
    assert set(fields) == {*given, "stream_options"}


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("more", [b"}", b',"max_tokens":null,"max_completion_tokens":null}'])
def test_a_limit_is_put_where_the_model_obeys_it(field: str, more: bytes) -> None:
    """Clamp: in the model's field, once; a null that was there is replaced."""
    sent = call_of(ODD + more, field).upstream_body(143)
    assert msgspec.json.decode(sent)[field] == 143
    assert sent.count(f'"{field}"'.encode()) == 1

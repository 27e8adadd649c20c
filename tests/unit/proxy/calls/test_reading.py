"""Reading a call's body: what is priced must be what the provider reads."""

import msgspec
import pytest

from console.errors import ApiError
from console.known_models import find_model
from tests.support.bodies import IMAGE, MESSAGES, TABLE, body, read, refusal, said

NO_JSON = {
    "nothing": b"",
    "white space": b" \n",
    "no JSON": b"model=gpt-4o-mini",
    "half": body()[:-1],
    "something behind it": body() + b" x",
    "two bodies": body() + body(),
    "a trailing comma": body(b'"n":1,'),
    "a comment": body(b'"n":1 /* one */'),
    "single quotes": b"{'model':'gpt-4o-mini'}",
    "NaN": body(b'"temperature":NaN'),
    "Infinity": body(b'"temperature":-Infinity'),
    "a leading zero": body(b'"n":01'),
    "a control character": body(messages=b'"messages":[{"role":"user","content":"a\nb"}]'),
    "a byte order mark": b"\xef\xbb\xbf" + body(),
    "UTF-16": body().decode().encode("utf-16"),
    "no UTF-8 in a text": body(messages=b'"messages":[{"role":"user","content":"\xff"}]'),
    "no UTF-8 in a field of no interest": body(b'"user":"\xc3("'),
    "no UTF-8 in a name": body(b'"\xff":1'),
    "half a surrogate pair": body(messages=b'"messages":[{"role":"user","content":"\\ud800"}]'),
    "too deep": body(b'"metadata":' + b"[" * 100_000 + b"]" * 100_000),
    "too deep in objects": body(b'"x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
}


@pytest.mark.parametrize("content", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_is_refused(content: bytes) -> None:
    """400 invalid_json, whatever is wrong with it, and never an error of our own."""
    assert refusal(content)[:2] == (400, "invalid_json")


@pytest.mark.parametrize("content", [b"[]", b"null", b'"text"', b"1"])
def test_a_body_that_is_no_object_is_refused(content: bytes) -> None:
    """400: the body must be an object."""
    assert refusal(content) == (400, "invalid_type", None)


@pytest.mark.parametrize(
    ("content", "param"),
    [
        (b"{}", "model"),
        (b"{" + MESSAGES + b"}", "model"),
        (b'{"model":"gpt-4o-mini"}', "messages"),
        (body(messages=b'"messages":[{"content":"Hi"}]'), "messages[0].role"),
    ],
)
def test_what_is_missing_is_named(content: bytes, param: str) -> None:
    """400 naming the field."""
    assert refusal(content) == (400, "missing_required_parameter", param)


WRONG = {
    b'"max_tokens":-1': "max_tokens",
    b'"max_tokens":0': "max_tokens",
    b'"max_tokens":"100"': "max_tokens",
    b'"max_tokens":1.5': "max_tokens",
    b'"max_tokens":true': "max_tokens",
    b'"max_tokens":[5]': "max_tokens",
    b'"max_tokens":16385': "max_tokens",
    b'"max_tokens":' + b"9" * 30: "max_tokens",
    b'"max_tokens":' + b"9" * 6000: "max_tokens",
    b'"max_completion_tokens":1e99': "max_completion_tokens",
    b'"n":0': "n",
    b'"n":-3': "n",
    b'"n":129': "n",
    b'"n":"2"': "n",
    b'"best_of":1000': "best_of",
    b'"stream":1': "stream",
    b'"stream":"true"': "stream",
    b'"stream_options":false': "stream_options",
    b'"stream_options":[]': "stream_options",
    b'"stream_options":{"include_usage":1}': "stream_options.include_usage",
    b'"modalities":"text"': "modalities",
    b'"service_tier":1': "service_tier",
}


@pytest.mark.parametrize(("field", "param"), WRONG.items())
def test_a_wrong_value_is_refused_by_name(field: bytes, param: str) -> None:
    """400: wrong types, negative and absurd limits, naming the field."""
    assert refusal(body(field)) == (400, "invalid_value", param)


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        (b'"messages":[]', "messages"),
        (b'"messages":"Hi"', "messages"),
        (b'"messages":{"role":"user"}', "messages"),
        (b'"messages":["Hi"]', "messages[0]"),
        (b'"messages":[{"role":"user"},{"role":1}]', "messages[1].role"),
        (b'"messages":[{"role":null}]', "messages[0].role"),
    ],
)
def test_wrong_messages_are_refused_by_name(messages: bytes, param: str) -> None:
    """400 naming the place."""
    assert refusal(body(messages=messages)) == (400, "invalid_value", param)


@pytest.mark.parametrize("content", [5, True, {"text": "Hi"}, [5], [None], [["Hi"]]])
def test_content_of_no_known_shape_is_refused(content: object) -> None:
    """400: content is text, a list of parts, or null."""
    assert refusal(said("Hi", content)) == (400, "invalid_type", "messages[1].content")


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_a_model_without_a_sensible_name_is_refused(name: str) -> None:
    """400 naming the model."""
    content = msgspec.json.encode({"model": name, "messages": [{"role": "user"}]})
    assert refusal(content) == (400, "invalid_value", "model")


def test_an_unknown_model_does_not_exist() -> None:
    """G2: a model without a rate is a 404."""
    with pytest.raises(ApiError) as raised:
        find_model(TABLE, "gpt-4o-mini ")
    assert (raised.value.status, raised.value.code) == (404, "model_not_found")


TWICE = {
    "a limit": body(b'"max_tokens":1,"max_tokens":5'),
    "the model": body(b'"model":"gpt-4o"'),
    "the messages": body(MESSAGES),
    "the stream": body(b'"stream":false,"stream":true'),
    "an escaped name": body(b'"max_tokens":5,"max_\\u0074okens":500'),
    "only escapes": body(b'"\\u006e":1,"\\u006e":100'),
    "beside a nested one": body(b'"metadata":{"n":"1"},"n":1,"n":2'),
    "beside a huge number": body(b'"seed":' + b"9" * 6000 + b',"n":1,"n":2'),
    "beside a huge float": body(b'"seed":1e999,"n":1,"n":2'),
}


@pytest.mark.parametrize("content", TWICE.values(), ids=TWICE)
def test_a_priced_field_that_is_given_twice_is_refused(content: bytes) -> None:
    """400 duplicate_field: providers differ in which of the two they read."""
    assert refusal(content)[:2] == (400, "duplicate_field")


OTHER_CASE = ["Max_Tokens", "MAX_COMPLETION_TOKENS", "N", "Stream", "Model", "Messages", "mESSAGES"]


@pytest.mark.parametrize("name", [*OTHER_CASE, "me\u017f\u017fages", "max_to\u212aens"])
def test_a_priced_field_in_another_case_is_refused(name: str) -> None:
    """400: some providers read names in any case, and fold two letters beyond ASCII."""
    content = body(msgspec.json.encode(name) + b":1")
    assert refusal(content) == (400, "unknown_field", name)


@pytest.mark.parametrize("name", ["content", "Content", "c\\u006fntent", "CONTENT", "Audio"])
def test_a_message_cannot_hide_its_content(name: str) -> None:
    """400: a second content, or one in another case, may be what the provider reads."""
    image = msgspec.json.encode([IMAGE])
    message = b'{"role":"user","%b":%b,"content":"Hi"}' % (name.encode(), image)
    status, code, param = refusal(body(messages=b'"messages":[' + message + b"]"))
    assert (status, code) in {(400, "duplicate_field"), (400, "unknown_field")}
    assert param is not None
    assert param.startswith("messages[0].")


def test_the_same_names_deeper_down_are_fine() -> None:
    """Only the outermost names are the request's."""
    schema = {"type": "object", "properties": {"n": {"n": 1}, "model": {}, "content": {}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    again = [{"role": "user", "content": "n"}, {"role": "user", "content": '"content"'}]
    more = {"metadata": {"model": "x", "stream": "1"}, "tools": [tool], "n": 2}
    content = msgspec.json.encode({"model": "gpt-4o-mini", "messages": again, **more})
    assert read(content).choices == 2


def test_escapes_in_texts_are_fine() -> None:
    """A text may have any escape, and may name any field."""
    text = b'"messages":[{"role":"user","content":"\\u0041 \\"max_tokens\\":1 \\ud83d\\ude00"}]'
    assert read(body(b'"max_tokens":7', messages=text)).output_limit == 7


def test_numbers_of_no_interest_may_be_of_any_size() -> None:
    """What is not priced is the provider's to judge, also where it makes us look twice."""
    huge = b'"seed":' + b"9" * 6000 + b',"top_p":1e999,"metadata":{"n":1},"n":3'
    assert read(body(huge)).choices == 3


def test_nulls_are_as_nothing() -> None:
    """A field that is null sets nothing."""
    fields = b'"max_tokens":null,"n":null,"stream":null,"stream_options":null,"audio":null,'
    bounds = read(body(fields + b'"modalities":null,"web_search_options":null,"tools":null'))
    assert (bounds.output_limit, bounds.choices, bounds.is_input_open) == (None, 1, False)

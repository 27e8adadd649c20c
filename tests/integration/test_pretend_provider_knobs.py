"""The pretend provider's knobs: behaviour on demand, by request headers."""

import gzip
from collections.abc import AsyncIterator

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI
from pytest_aiohttp.plugin import AiohttpServer

from deploy.local.pretend_provider import create_pretend_provider
from pricing.tokens import TokenCounter
from tests.support.pretend import PretendClient, chat, events_of, knobs, streamed, text_of

ENCODING = "o200k_base"


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> TokenCounter:
    return TokenCounter(tmp_path_factory.mktemp("ranks"))


@pytest.fixture
async def client(
    aiohttp_server: AiohttpServer, counter: TokenCounter
) -> AsyncIterator[PretendClient]:
    server = await aiohttp_server(create_pretend_provider(counter))
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield PretendClient(session, str(server.make_url("/v1")))


@pytest.fixture
async def sdk(client: PretendClient) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=client.base_url, api_key="sk-any", max_retries=0) as found:
        yield found


@pytest.mark.parametrize("tokens", [0, 1, 49, 1000, 16_384])
async def test_output_tokens_are_written_exactly(
    client: PretendClient, counter: TokenCounter, tokens: int
) -> None:
    """Whoever counts the text finds what was reported, in JSON and in a stream."""
    answer = await (await client.post(chat(), output_tokens=tokens)).json()
    text = answer["choices"][0]["message"]["content"]
    assert answer["usage"]["completion_tokens"] == counter.count(ENCODING, text) == tokens
    assert answer["choices"][0]["finish_reason"] == "stop"
    chunks = await client.stream(streamed(), output_tokens=tokens)
    assert text_of(chunks) == text
    assert chunks[-1]["usage"] == answer["usage"]


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_the_limit_of_the_request_cuts_the_wanted_output(
    client: PretendClient, field: str
) -> None:
    """No call writes more than it may."""
    answer = await (await client.post(chat(**{field: 7}), output_tokens=8)).json()
    assert answer["usage"]["completion_tokens"] == 7
    assert answer["choices"][0]["finish_reason"] == "length"
    answer = await (await client.post(chat(**{field: 7}), output_tokens=7)).json()
    assert answer["choices"][0]["finish_reason"] == "stop"
    answer = await (await client.post(chat(), output_tokens=20_000)).json()
    assert answer["usage"]["completion_tokens"] == 16_384


async def test_input_and_cached_tokens_are_reported_as_asked(client: PretendClient) -> None:
    """So that a bill of any size can be made with a small request."""
    answer = await (await client.post(chat(), input_tokens=1000, cached_tokens=400)).json()
    assert answer["usage"]["prompt_tokens"] == 1000
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 400
    assert answer["usage"]["total_tokens"] == 1000 + answer["usage"]["completion_tokens"]


@pytest.mark.parametrize(
    ("fields", "values", "tokens"),
    [
        ({}, {"reasoning_tokens": 30, "output_tokens": 40}, (10, 40, 30)),
        ({"n": 2}, {"reasoning_tokens": 30, "output_tokens": 40}, (10, 80, 60)),
        ({"max_completion_tokens": 35}, {"reasoning_tokens": 30}, (5, 35, 30)),
        ({"max_completion_tokens": 20}, {"reasoning_tokens": 30}, (0, 20, 20)),
    ],
)
async def test_reasoning_tokens_are_spent_before_the_text(
    client: PretendClient,
    counter: TokenCounter,
    fields: dict[str, object],
    values: dict[str, float],
    tokens: tuple[int, int, int],
) -> None:
    """They are part of the completion tokens and of the limit, and are not seen."""
    answer = await (await client.post(chat(**fields), **values)).json()
    seen = counter.count(ENCODING, answer["choices"][0]["message"]["content"])
    usage = answer["usage"]
    reasoning_tokens = usage["completion_tokens_details"]["reasoning_tokens"]
    assert (seen, usage["completion_tokens"], reasoning_tokens) == tokens


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_status_is_answered_as_asked(
    sdk: AsyncOpenAI, status: int, kind: type[openai.APIStatusError], stream: bool
) -> None:
    """With the envelope; 429 with the headers that tell when to come again."""
    with pytest.raises(kind) as error:
        await sdk.chat.completions.create(
            **chat(stream=stream), extra_headers=knobs(status=status, delay_s=0.01)
        )
    assert error.value.status_code == status
    assert ("retry-after" in error.value.response.headers) == (status == 429)


async def test_a_cut_stream_ends_cleanly_without_done(client: PretendClient) -> None:
    """The kind of end that a careless client takes for success."""
    response = await client.post(streamed(), cut_after=5)
    events = events_of(await response.read())
    assert len(events) == 5
    assert text_of(events) == "This is a pretend"


async def test_a_cut_json_answer_is_shorter_than_it_said(client: PretendClient) -> None:
    """The connection ends before `content-length` is reached."""
    response = await client.post(chat(), cut_after=1)
    assert response.content_length is not None
    with pytest.raises(aiohttp.ClientPayloadError):
        await response.read()


@pytest.mark.parametrize("body", [chat(), streamed()])
async def test_a_reset_connection_raises_after_a_part(
    client: PretendClient, body: dict[str, object]
) -> None:
    """What was sent before is received; then the connection is reset, not closed."""
    response = await client.post(body, reset_after=2)
    received = bytearray()

    async def receive() -> None:
        async for piece in response.content.iter_any():
            received.extend(piece)

    with pytest.raises((aiohttp.ClientOSError, aiohttp.ClientPayloadError), match="reset by peer"):
        await receive()
    assert received
    assert b"DONE" not in received


async def test_an_error_in_mid_stream_makes_the_sdk_raise(sdk: AsyncOpenAI) -> None:
    """The envelope comes as an event, after what was said before."""
    said: list[str | None] = []

    async def listen() -> None:
        headers = knobs(error_after=3)
        body = chat(stream=True)
        async for chunk in await sdk.chat.completions.create(**body, extra_headers=headers):
            said.append(chunk.choices[0].delta.content)  # noqa: PERF401 - kept when it raises

    with pytest.raises(openai.APIError, match="mid-stream"):
        await listen()
    assert said == ["", "This", " is"]


async def test_no_usage_is_reported_if_so_asked(client: PretendClient) -> None:
    """As some providers do."""
    assert "usage" not in await (await client.post(chat(), no_usage=1)).json()
    chunks = await client.stream(streamed(), no_usage=1, usage_in_last_content=1)
    assert all("usage" not in chunk and chunk["choices"] for chunk in chunks)


@pytest.mark.parametrize("body", [streamed(n=2), chat(n=2, stream=True)])
async def test_usage_comes_in_the_finish_chunk_if_so_asked(
    client: PretendClient, body: dict[str, object]
) -> None:
    """As some providers do, asked for it or not: once, and beside choices."""
    chunks = await client.stream(body, usage_in_last_content=1)
    assert [chunk for chunk in chunks if chunk.get("usage")] == chunks[-1:]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"]["completion_tokens"] > 0


async def test_done_is_left_out_if_so_asked(client: PretendClient) -> None:
    """All else is there, usage too."""
    events = events_of(await (await client.post(streamed(), no_done=1)).read())
    assert events[-1]["usage"]["completion_tokens"] > 0


async def test_lines_end_with_carriage_returns_if_so_asked(client: PretendClient) -> None:
    """Both line ends are good in a stream of events."""
    content = await (await client.post(streamed(), crlf=1)).read()
    assert content.count(b"\n") == content.count(b"\r\n")
    assert events_of(content, "\r\n")[-1] == "[DONE]"


@pytest.mark.parametrize("body", [chat(), streamed()])
async def test_gzip_comes_though_identity_was_asked_for(
    client: PretendClient, body: dict[str, object]
) -> None:
    """A provider, or something before it, that does not listen."""
    response = await client.post(body, gzip=1)
    assert response.headers["content-encoding"] == "gzip"
    assert b'"usage":{' in gzip.decompress(await response.read())


async def test_a_huge_answer_has_at_least_the_size_and_its_usage_at_the_end(
    client: PretendClient,
) -> None:
    """Larger than what a proxy holds back."""
    body = await (await client.post(chat(), huge=3_000_000)).read()
    assert len(body) >= 3_000_000
    assert b'"usage":{' in body[-1000:]


@pytest.mark.parametrize("values", [{"split": 1}, {"chunk_delay_s": 0.001}, {"delay_s": 0.01}])
async def test_a_stream_says_the_same_however_it_is_written(
    client: PretendClient, values: dict[str, float]
) -> None:
    """Pieces and pauses change nothing of what is said."""
    plain = await client.stream(streamed(), output_tokens=20)
    written = await client.stream(streamed(), output_tokens=20, **values)
    assert text_of(written) == text_of(plain)
    assert written[-1]["usage"] == plain[-1]["usage"]


async def test_a_hanging_call_never_answers(client: PretendClient) -> None:
    """And ends when its client has left: otherwise this test could not close its server."""
    timeout = aiohttp.ClientTimeout(total=0.3)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        with pytest.raises(TimeoutError):
            await PretendClient(session, client.base_url).post(chat(), hang=1)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-pretend-output-tokens", "-1"),
        ("x-pretend-output-tokens", "1.5"),
        ("x-pretend-huge", "100000001"),
        ("x-pretend-status", "200"),
        ("x-pretend-delay-s", "soon"),
        ("x-pretend-chunk-delay-s", "nan"),
        ("x-pretend-chunk-delay-s", "inf"),
        ("x-pretend-gzip", "yes"),
        ("x-pretend-outptu-tokens", "1"),
    ],
)
async def test_a_knob_that_makes_no_sense_is_refused_by_name(
    sdk: AsyncOpenAI, header: str, value: str
) -> None:
    """A test with a slip of the pen must not pass by accident."""
    with pytest.raises(openai.BadRequestError) as error:
        await sdk.chat.completions.create(**chat(), extra_headers={header: value})
    assert error.value.param == header


@pytest.mark.parametrize(
    ("fields", "values", "param"),
    [
        ({}, {"reasoning_tokens": 5, "output_tokens": 4}, "x-pretend-reasoning-tokens"),
        (
            {
                "tools": [{"type": "function", "function": {"name": "f"}}],
                "tool_choice": "required",
            },
            {"output_tokens": 4},
            "x-pretend-output-tokens",
        ),
    ],
)
async def test_knobs_that_contradict_the_request_are_refused(
    client: PretendClient, fields: dict[str, object], values: dict[str, float], param: str
) -> None:
    """Rather than one of them winning in silence."""
    response = await client.post(chat(**fields), **values)
    assert response.status == 400
    assert (await response.json())["error"]["param"] == param

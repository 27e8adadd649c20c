"""The pretend provider as a process of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from openai import OpenAI

from tests.support.pretend import KEY, chat, knobs
from tests.support.waiting import PATIENCE_S

COMMAND = [sys.executable, "-m", "deploy.local.pretend_provider"]


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ranks")


@contextmanager
def running(cache_dir: Path, *options: str, fds: tuple[int, ...] = ()) -> Iterator[tuple[int, str]]:
    """A pretend provider's process id and base URL; it must end well and without a complaint."""
    process = subprocess.Popen(
        [*COMMAND, "--cache-dir", str(cache_dir), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=fds,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        try:
            told = re.search(r"http://\S+/v1", process.stdout.readline())
            assert told is not None
            yield process.pid, told.group()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE_S) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()


def answer_from(base_url: str) -> str:
    with OpenAI(base_url=base_url, api_key="sk-any", max_retries=0) as sdk:
        answer = sdk.chat.completions.create(**chat())
        chunks = list(sdk.chat.completions.create(**chat(stream=True)))
    text = answer.choices[0].message.content or ""
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == text
    return text


def test_it_prints_where_it_listens_and_answers_there(cache_dir: Path) -> None:
    """A port of 0 takes a free one."""
    with running(cache_dir, "--port", "0") as (_, base_url):
        assert "pretend" in answer_from(base_url)


def test_it_tells_its_port_by_a_descriptor_when_it_is_ready(cache_dir: Path) -> None:
    """For whoever starts it and does not read its output."""
    reader, writer = os.pipe()
    with running(cache_dir, "--ready-fd", str(writer), fds=(writer,)) as (_, base_url):
        os.close(writer)
        with os.fdopen(reader) as ready:
            assert base_url == f"http://127.0.0.1:{int(ready.read())}/v1"


def test_it_listens_on_an_inherited_socket(cache_dir: Path) -> None:
    """So that its address is known, and taken, before it runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        number = listener.fileno()
        with running(cache_dir, "--fd", str(number), fds=(number,)) as (_, base_url):
            assert base_url == f"http://127.0.0.1:{port}/v1"
            assert "pretend" in answer_from(base_url)


def test_it_stops_though_calls_hang(cache_dir: Path) -> None:
    """A call that never ends does not keep the process."""
    with running(cache_dir) as (_, base_url):
        host, port = base_url.removeprefix("http://").removesuffix("/v1").split(":")
        call = socket.create_connection((host, int(port)))
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nx-pretend-hang: 1\r\n"
        body = '{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}'
        head += f"Authorization: {KEY['Authorization']}\r\nContent-Length: {len(body)}\r\n\r\n"
        call.sendall((head + body).encode())
        assert "pretend" in answer_from(base_url)
    call.close()


@pytest.mark.parametrize("values", [{"chunk_delay_s": 0.01}, {"split": 1}, {"reset_after": 2}])
def test_clients_that_leave_are_no_error(cache_dir: Path, values: dict[str, float]) -> None:
    """Nor is a connection that was reset on demand."""
    with running(cache_dir) as (_, base_url):
        with OpenAI(base_url=base_url, api_key="sk-any", max_retries=0) as sdk:
            stream = sdk.chat.completions.create(
                **chat(stream=True), extra_headers=knobs(output_tokens=2000, **values)
            )
            assert next(stream).choices[0].delta.role == "assistant"
            stream.close()
        assert "pretend" in answer_from(base_url)


def test_a_wrong_key_is_refused_where_one_is_set(cache_dir: Path) -> None:
    """For setups that check whose key is sent."""
    with (
        running(cache_dir, "--api-key", "sk-provider") as (_, base_url),
        OpenAI(base_url=base_url, api_key="sk-provider", max_retries=0) as sdk,
    ):
        assert sdk.models.list().data
        with pytest.raises(Exception, match="Incorrect API key"):
            sdk.with_options(api_key="sk-any").models.list()

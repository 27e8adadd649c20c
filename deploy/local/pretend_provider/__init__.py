"""A pretend provider: chat completions over HTTP as OpenAI speaks them, with no model behind.

For running without a provider's key, for tests and for load tests. It is as strict as the real
one, its usage is exact by the real tokenizer, and each answer says that it is pretend. It keeps
nothing of what it is asked.

    python -m deploy.local.pretend_provider --port 9000

Any bearer key is good, unless `--api-key` names the only one. A request can ask for special
behaviour by headers, which fit together where that makes sense. A value that makes none is
answered with a 400 that names the header.

| header | value | what the pretend provider does |
|---|---|---|
| `x-pretend-output-tokens` | 0 or more | writes so many completion tokens, if the limit allows |
| `x-pretend-input-tokens` | 0 or more | reports so many prompt tokens |
| `x-pretend-cached-tokens` | 0 or more | reports so many of them as cached |
| `x-pretend-reasoning-tokens` | 0 or more | spends so many of its tokens unseen, before the text |
| `x-pretend-status` | 400 to 599 | answers with that error; 429 with `retry-after` |
| `x-pretend-delay-s` | seconds | waits before the answer (or error) begins |
| `x-pretend-chunk-delay-s` | seconds | waits between the events of a stream, each sent by itself |
| `x-pretend-hang` | 1 | never answers |
| `x-pretend-cut-after` | events | ends cleanly after so many events, without `[DONE]` |
| `x-pretend-reset-after` | events | resets the connection (RST) after so many events |
| `x-pretend-error-after` | events | sends an error event after so many events, and ends |
| `x-pretend-no-usage` | 1 | reports no usage |
| `x-pretend-usage-in-last-content` | 1 | reports usage in the finish chunk |
| `x-pretend-no-done` | 1 | leaves out `[DONE]` |
| `x-pretend-crlf` | 1 | ends lines of a stream with CR LF |
| `x-pretend-split` | 1 | writes a stream in odd pieces, across the bounds of events |
| `x-pretend-gzip` | 1 | sends `content-encoding: gzip`, whatever the request accepts |
| `x-pretend-huge` | bytes | pads a JSON answer to at least that size, before its usage |

Output and reasoning tokens are those of each choice, where `n` asks for several; reasoning tokens
are among the output tokens. Events are counted from the role chunk, which is the first. Of a JSON
answer, `cut-after` and `reset-after` leave half of the body, or nothing of it with 0. Headers that
are about streams do nothing to a JSON answer, and `huge` nothing to a stream.
"""

from deploy.local.pretend_provider.app import create_pretend_provider

__all__ = ["create_pretend_provider"]

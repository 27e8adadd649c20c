"""Fields that nobody here knows may become input: the exact quote bounds them by their bytes."""

from tests.support.calls import QUESTION_TOKENS, assert_untouched, error_of
from tests.support.pretend import chat
from tests.support.stack import Stack
from tests.support.watched_provider import WatchedProvider

LARGE = "x" * 5000


async def test_what_is_not_known_is_quoted_by_its_bytes(
    stack: Stack, provider: WatchedProvider
) -> None:
    """G1: a provider that reads the field must not be able to exceed what is held."""
    customer = await stack.customer("2")
    refused = await stack.post(customer, chat(max_tokens=10, documents=[LARGE]))
    error = error_of(await refused.read())
    assert (refused.status, error["code"]) == (402, "insufficient_credits")
    assert error["requiredCredits"] > (QUESTION_TOKENS + len(LARGE)) * 2.4 / 1000
    await assert_untouched(stack, customer, provider, 2000)


async def test_what_no_model_reads_is_not_quoted(stack: Stack) -> None:
    """Quote: labels of a call cost nothing, however long they are."""
    customer = await stack.customer("2")
    served = await stack.post(customer, chat(max_tokens=10, metadata={"a": LARGE}, user=LARGE))
    assert served.status == 200
    await stack.assert_books_agree()

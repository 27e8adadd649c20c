"""Forms that no browser sends: refused as what they are, with a page, and no error of ours."""

import pytest

from tests.support.people import Desk
from tests.support.visitors import Guest

FORM = "application/x-www-form-urlencoded"
PART = 'Content-Disposition: form-data; name="form_token"'
ODD: dict[str, tuple[int, str, str]] = {
    "a charset that nobody knows": (401, f"{FORM}; charset=foo", "api_key=x"),
    "bytes that are no UTF-8": (401, FORM, "api_key=\udcff\udcfe"),
    "escapes that are no UTF-8": (401, FORM, "api_key=%ff%fe"),
    "JSON": (415, "application/json", '{"api_key": 1}'),
    "multipart without a boundary": (415, "multipart/form-data", "x"),
    "multipart that is none": (415, "multipart/form-data; boundary=b", "x"),
    "multipart that breaks off": (
        415,
        "multipart/form-data; boundary=b",
        f"--b\r\n{PART}\r\n\r\nx",
    ),
    "no type": (415, "text/plain", "api_key=x"),
    "very many fields": (400, FORM, "a=&" * 1000),
    "a very long field": (413, FORM, "api_key=" + "a" * 100_000),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("door", ["/console/login", "/console/operator"])
async def test_an_odd_form_at_a_door_is_refused(guest: Guest, door: str, odd: str) -> None:
    """Whoever is not signed in makes no error of the server, and no work for it."""
    status, media_type, text = ODD[odd]
    body = text.encode(errors="surrogateescape")
    response = await guest.client.post(door, data=body, headers={"Content-Type": media_type})
    assert (response.status, response.content_type) == (status, "text/html")


@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_form_of_the_page_changes_nothing(desk: Desk, guest: Guest, odd: str) -> None:
    """Also from somebody who is signed in."""
    account = await desk.account_with(5_000)
    await guest.follow_link(desk, account)
    status, media_type, text = ODD[odd]
    body = text.encode(errors="surrogateescape")
    headers = {"Content-Type": media_type}
    response = await guest.client.post("/console/keys", data=body, headers=headers)
    assert response.status == (403 if status == 401 else status)
    assert response.content_type == "text/html"


async def test_of_a_field_that_is_there_twice_the_first_counts(desk: Desk, guest: Guest) -> None:
    """For the token as for all others: no two readers see two forms."""
    await guest.follow_link(desk, await desk.account_with(5_000))
    token = await guest.form_token()
    body = f"form_token={token}&form_token=x&name=alpha-key&name=omega-key"
    response = await guest.client.post("/console/keys", data=body, headers={"Content-Type": FORM})
    text = await response.text()
    assert response.status == 200
    assert "alpha-key" in text
    assert "omega-key" not in text

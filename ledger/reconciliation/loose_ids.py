"""Ids out of places where somebody may have put anything by hand."""

from uuid import UUID


def as_uuid(text: str) -> UUID | None:
    """The id that a text is, if it is one as we write it."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None

"""What the parts of a message's content are bounded as: text, images, files, or nobody knows."""

import msgspec

from console.errors import ApiError

NO_RATE = "rate_not_found"

_decode_parts = msgspec.json.Decoder(list[dict[str, msgspec.Raw] | str]).decode

_IMAGE_FIELDS = frozenset({"image", "image_url", "input_image"})
_FILE_FIELDS = frozenset({"file", "input_file", "document"})
_AUDIO_FIELDS = frozenset({"audio", "input_audio", "audio_url"})
# A part with other fields than these may be more than its text, whatever its type says.
_TEXT_FIELDS = frozenset({"type", "text", "refusal", "cache_control"})


class Parts(msgspec.Struct, frozen=True):
    """How many parts are no text; `is_open` where one is of unknown size."""

    images: int = 0
    files: int = 0
    is_open: bool = False


def read_parts(content: bytes, param: str) -> Parts:
    """The parts of a message's content, given as the JSON of its field `param`.

    Raises:
        ApiError: 400 where it is no content, 404 where a part has no rate.
    """
    if content.startswith(b'"') or content == b"null":
        return Parts()
    try:
        kinds = [_kind(part, param) for part in _decode_parts(content)]
    except msgspec.ValidationError:
        message = f"{param} must be a string, a list of content parts, or null."
        raise ApiError(400, "invalid_type", message, param=param) from None
    return Parts(kinds.count("image"), kinds.count("file"), "unknown" in kinds)


def _kind(part: dict[str, msgspec.Raw] | str, param: str) -> str:
    """What a part is; a field in any case counts, whatever the part's type says."""
    if isinstance(part, str):
        return "text"
    names = {name.casefold() for name in part}
    if names & _AUDIO_FIELDS:
        raise no_rate(param, "audio input")
    if names & _IMAGE_FIELDS:
        return "image"
    if names & _FILE_FIELDS:
        return "file"
    return "text" if part.keys() <= _TEXT_FIELDS else "unknown"


def no_rate(param: str, what: str) -> ApiError:
    """A 404 for what is not sold: it must not leave, as it would be free."""
    return ApiError(404, NO_RATE, f"There is no rate for {what}.", param=param)

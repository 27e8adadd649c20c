"""What a call used: tokens as reported, and as units that no dimension counts twice."""

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """Token counts of one call.

    Cached input is part of the input, reasoning is part of the output.
    """

    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    def units(self) -> dict[str, int]:
        """Tokens per dimension; each token stands in one of them only."""
        return {
            "input": self.input_tokens - self.cached_input_tokens,
            "cached_input": self.cached_input_tokens,
            "output": self.output_tokens,
        }


NOTHING = Usage()

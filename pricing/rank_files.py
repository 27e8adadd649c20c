"""The tokenizers' rank files, unpacked from the package to where tiktoken looks for them.

tiktoken would download a file that it misses or finds broken. That must never happen, so a file
is checked, and unpacked again if need be, each time before an encoding is loaded.
"""

import hashlib
import lzma
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import tiktoken


@dataclass(frozen=True, slots=True)
class RankFile:
    """A rank file: tiktoken's name of the encoding, its name in the cache folder, its digest."""

    encoding: str
    cache_name: str
    sha256: str


class RankFileError(Exception):
    """The packed rank file of an encoding is broken: the installation is damaged."""

    def __init__(self, encoding: str) -> None:
        super().__init__(f"The rank file of {encoding!r} in this installation is broken.")


_O200K_BASE = RankFile(
    "o200k_base",
    "fb374d419588a4632f3f557e76b4b70aebbca790",
    "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
)
RANK_FILES = {
    "o200k_base": _O200K_BASE,
    # The same, but for special tokens, which are never counted as such here.
    "o200k_harmony": _O200K_BASE,
    "cl100k_base": RankFile(
        "cl100k_base",
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
    "p50k_base": RankFile(
        "p50k_base",
        "ec7223a39ce59f226a68acc30dc1af2788490e15",
        "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
    ),
    "r50k_base": RankFile(
        "r50k_base",
        "0ea1e91bbb3a60f729a8dc8f777fd2fc07cd8df4",
        "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
    ),
}

# tiktoken reads its folder from the process' environment, so one load at a time in a process.
_ONE_LOAD = threading.Lock()


def load_encoding(rank_file: RankFile, cache_dir: Path) -> tiktoken.Encoding:
    """Load an encoding, from a rank file in `cache_dir` that is made whole first.

    Takes about half a second and 40 to 80 MB the first time in a process. Raises RankFileError if
    the installation is damaged, OSError if `cache_dir` cannot be written.
    """
    with _ONE_LOAD:
        unpack(rank_file, cache_dir)
        with _tiktoken_cache_dir(cache_dir):
            return tiktoken.get_encoding(rank_file.encoding)


def unpack(rank_file: RankFile, cache_dir: Path) -> None:
    """See to it that `cache_dir` has the whole file; several processes may do so at once."""
    target = cache_dir / rank_file.cache_name
    if target.is_file() and _digest(target.read_bytes()) == rank_file.sha256:
        return
    content = _packed_content(rank_file)
    cache_dir.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=cache_dir, prefix=f".{rank_file.encoding}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _packed_content(rank_file: RankFile) -> bytes:
    packed = files("pricing") / "ranks" / f"{rank_file.encoding}.tiktoken.xz"
    try:
        content = lzma.decompress(packed.read_bytes())
    except (OSError, lzma.LZMAError) as error:
        raise RankFileError(rank_file.encoding) from error
    if _digest(content) != rank_file.sha256:
        raise RankFileError(rank_file.encoding)
    return content


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def _tiktoken_cache_dir(cache_dir: Path) -> Iterator[None]:
    before = os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(cache_dir)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TIKTOKEN_CACHE_DIR"]
        else:
            os.environ["TIKTOKEN_CACHE_DIR"] = before

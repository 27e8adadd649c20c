"""The token counter: what it counts, and where its rank files come from."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pricing.rank_files import RANK_FILES, RankFile, RankFileError, unpack
from pricing.tokens import KNOWN_ENCODINGS, TokenCounter, UnknownEncodingError

# Counts a word in each named encoding, in a process that ends at the first use of a network.
COUNT_OFFLINE = """
import sys
from pathlib import Path

def refuse_network(event, _):
    if event.startswith("socket."):
        raise SystemExit(f"used the network: {event}")

sys.addaudithook(refuse_network)
from pricing.tokens import TokenCounter
counter = TokenCounter(Path(sys.argv[1]))
print(*[counter.count(encoding, "Hello, world") for encoding in sys.argv[2:]])
"""


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> TokenCounter:
    return TokenCounter(tmp_path_factory.mktemp("ranks"))


def count_offline(cache_dir: Path, *encodings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COUNT_OFFLINE, str(cache_dir), *encodings],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


def output_of(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return output.strip()


def is_whole(cache_dir: Path, rank_file: RankFile) -> bool:
    content = (cache_dir / rank_file.cache_name).read_bytes()
    return hashlib.sha256(content).hexdigest() == rank_file.sha256


@pytest.mark.parametrize(
    ("encoding", "text", "tokens"),
    [
        ("o200k_base", "", 0),
        ("o200k_base", "Hello, world!", 4),
        ("o200k_base", "antidisestablishmentarianism", 6),
        ("o200k_harmony", "antidisestablishmentarianism", 6),
        ("cl100k_base", "antidisestablishmentarianism", 6),
        ("p50k_base", "antidisestablishmentarianism", 5),
        ("r50k_base", "antidisestablishmentarianism", 5),
        ("cl100k_base", "2 + 2 = 4", 7),
        ("r50k_base", "お誕生日おめでとう", 14),
        ("cl100k_base", "お誕生日おめでとう", 9),
        ("o200k_base", "お誕生日おめでとう", 8),
    ],
)
def test_known_texts_have_their_known_number_of_tokens(
    counter: TokenCounter, encoding: str, text: str, tokens: int
) -> None:
    """Counts are the providers' own."""
    assert counter.count(encoding, text) == tokens


@pytest.mark.parametrize("encoding", KNOWN_ENCODINGS)
def test_names_of_special_tokens_are_ordinary_text(counter: TokenCounter, encoding: str) -> None:
    """A customer's `<|endoftext|>` is text that costs what text costs."""
    assert counter.count(encoding, "<|endoftext|>") > 1


@pytest.mark.parametrize("encoding", KNOWN_ENCODINGS)
def test_lone_surrogates_are_counted(counter: TokenCounter, encoding: str) -> None:
    """JSON can carry half a character: `"\\ud800"`."""
    assert 1 <= counter.count(encoding, "\ud800") <= 3
    assert counter.count(encoding, "\ud800" * 200_000) == 600_000


def test_several_texts_are_counted_each_by_itself(counter: TokenCounter) -> None:
    """No token spans two texts."""
    assert counter.count("o200k_base", "Hello") == 1
    assert counter.count_all("o200k_base", "Hello") == 5


def test_an_unknown_encoding_is_refused_with_the_known_ones(counter: TokenCounter) -> None:
    """Configuration can be checked before the first call."""
    with pytest.raises(UnknownEncodingError, match=r"'o300k'; known are: o200k_base, .*r50k_base"):
        counter.count("o300k", "text")


def test_threads_may_count_at_once_while_an_encoding_loads(tmp_path: Path) -> None:
    """A counter is shared by all threads of a process."""
    counter = TokenCounter(tmp_path / "not" / "yet" / "there")
    with ThreadPoolExecutor(8) as threads:
        counted = threads.map(lambda n: counter.count(KNOWN_ENCODINGS[n % 5], "hello"), range(40))
        assert set(counted) <= {1, 2}


def test_every_encoding_loads_without_a_network(tmp_path: Path) -> None:
    """The rank files are in the package."""
    output = output_of(count_offline(tmp_path, *KNOWN_ENCODINGS))
    assert output == "3 3 3 3 3"


def test_processes_that_unpack_at_once_all_count(tmp_path: Path) -> None:
    """Unpacking is atomic: nobody reads half a file, and no temporary file is left."""
    processes = [count_offline(tmp_path, "p50k_base", "r50k_base") for _ in range(4)]
    assert [output_of(process) for process in processes] == ["3 3"] * 4
    names = {RANK_FILES[encoding].cache_name for encoding in ("p50k_base", "r50k_base")}
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.mark.parametrize("damage", [b"", b"IQ== 0\n", None])
def test_a_broken_rank_file_is_unpacked_again(tmp_path: Path, damage: bytes | None) -> None:
    """A disk that was full, or a killed process, does not send us to the network."""
    rank_file = RANK_FILES["r50k_base"]
    target = tmp_path / rank_file.cache_name
    unpack(rank_file, tmp_path)
    target.write_bytes(target.read_bytes()[:-1] if damage is None else damage)
    assert output_of(count_offline(tmp_path, "r50k_base")) == "3"
    assert is_whole(tmp_path, rank_file)


def test_a_damaged_installation_is_said_so(tmp_path: Path) -> None:
    """A packed file that is not what it should be is never handed to tiktoken."""
    with pytest.raises(RankFileError, match="r50k_base"):
        unpack(RankFile("r50k_base", "name", "0" * 64), tmp_path)
    with pytest.raises(RankFileError, match="missing"):
        unpack(RankFile("missing", "name", "0" * 64), tmp_path)
    assert list(tmp_path.iterdir()) == []

"""What processes say, whoever says it, can be read line by line."""

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = r"""
import logging
import structlog
from proxy.logs import configure_logs

configure_logs()
structlog.get_logger("ours").warning("of_ours", reason='two\nlines, "quoted"')
logging.getLogger("theirs").error('of %s\n"theirs"', "a library")
try:
    raise ValueError("wrong")
except ValueError:
    logging.getLogger("theirs").exception("with an exception")
logging.getLogger("theirs").info("of no interest")
"""


def test_what_libraries_say_is_a_line_of_json_like_ours() -> None:
    """Structured logs: however many lines a message has, and whatever it quotes."""
    root = Path(__file__).parents[3]
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=root, check=True, capture_output=True, text=True
    )
    ours, theirs, failure = (json.loads(line) for line in ended.stderr.splitlines())
    assert (ours["event"], ours["reason"]) == ("of_ours", 'two\nlines, "quoted"')
    assert (theirs["event"], theirs["level"]) == ('of a library\n"theirs"', "error")
    assert theirs["timestamp"]
    assert failure["event"] == "with an exception"
    assert failure["exception"].endswith("ValueError: wrong")

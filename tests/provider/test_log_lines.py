"""Lines of the log are whole, whatever else the process says on standard error at the same moment."""

from __future__ import annotations

import json
import subprocess
import sys

_PROGRAM = """
import sys, threading
from model_sharing_provider.serving.logs import set_up_logging
from model_sharing_provider.telemetry.log import log

sys.setswitchinterval(1e-6)
set_up_logging("info", "json")
log.open()

def write_lines():
    for number in range(5000):
        log.info("request", number=number)

def announce():
    for _ in range(5000):
        sys.stderr.write("Serving\\n")
        sys.stderr.flush()

threads = [threading.Thread(target=each) for each in (write_lines, announce)]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""


def test_a_line_is_not_broken_by_what_another_thread_says() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if line != "Serving"]
    assert [json.loads(line)["number"] for line in lines] == list(range(5000))

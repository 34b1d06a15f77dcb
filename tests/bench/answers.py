"""Runs a resolver until it has read its lists and answers: ``python -m tests.bench.answers PROGRAM [ARGUMENT]...``."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

QUERY = b"\0\1\1\0\0\1\0\0\0\0\0\0\5ready\4test\0\0\1\0\1"
"""A question for the address of ready.test (RFC 1035, section 4.1)."""
PATIENCE = 120.0
"""Seconds."""


def answered(asking: socket.socket) -> bool:
    """Whether there is an answer within a moment."""
    try:
        asking.send(QUERY)
        return bool(asking.recv(512))
    except ConnectionRefusedError:  # nobody listens yet
        time.sleep(0.05)
    except TimeoutError:
        pass
    return False


def main() -> None:
    """Ask on 127.0.0.1 until there is an answer of any kind, then end the program."""
    program = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.05)
            asking.connect(("127.0.0.1", 53))
            while time.monotonic() < deadline and program.poll() is None:
                if answered(asking):
                    return
        sys.exit(f"{sys.argv[1]} gives no answer")
    finally:
        program.kill()
        program.wait()


if __name__ == "__main__":
    main()

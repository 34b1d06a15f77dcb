"""A word to the service manager (sd_notify(3)): one datagram to the socket it named, or nothing."""

from __future__ import annotations

import os
import socket
import time


def notify(message: str) -> None:
    """Send ``READY=1``, ``STOPPING=1``...; a manager that does not listen is no error."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # Linux's abstract sockets
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto(message.encode(), address)
    except OSError:
        return


def reloading() -> None:
    """Say that the configuration is being read again; needs the monotonic clock (sd_notify(3))."""
    notify(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

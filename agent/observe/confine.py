"""Rights that a process gives away for good: what decodes the bytes of strangers needs none."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# include/uapi/linux/prctl.h, seccomp.h, filter.h, capability.h, audit.h
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 24, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
SECCOMP_MODE_FILTER: Final = 2
CAPABILITIES_3: Final = 0x20080522
CAPABILITIES: Final = 64
"""Numbers that a set has room for."""
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _MACHINE, _THIRD = 0, 4, 32
"""Offsets in ``struct seccomp_data``: of the call, of the machine, of the low word of the third argument."""
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.EPERM
_KILL: Final = 0x80000000
_X32: Final = 0x40000000
"""Calls of x86-64's second set begin there."""
_PROT_EXEC: Final = 4

MACHINES: Final = {
    "x86_64": (0xC000003E, {
        "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11,
        "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "writev": 20, "sched_yield": 24,
        "mremap": 25, "madvise": 28, "nanosleep": 35, "getpid": 39, "getsockopt": 55, "exit": 60, "gettimeofday": 96,
        "getrusage": 98, "getppid": 110, "sigaltstack": 131, "gettid": 186, "time": 201, "futex": 202,
        "restart_syscall": 219, "clock_gettime": 228, "clock_nanosleep": 230, "exit_group": 231, "newfstatat": 262,
        "ppoll": 271, "getrandom": 318, "membarrier": 324, "rseq": 334,
    }),
    "aarch64": (0xC00000B7, {
        "read": 63, "write": 64, "close": 57, "fstat": 80, "lseek": 62, "mmap": 222, "mprotect": 226, "munmap": 215,
        "brk": 214, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "writev": 66, "sched_yield": 124,
        "mremap": 216, "madvise": 233, "nanosleep": 101, "getpid": 172, "getsockopt": 209, "exit": 93,
        "gettimeofday": 169, "getrusage": 165, "getppid": 173, "sigaltstack": 132, "gettid": 178, "futex": 98,
        "restart_syscall": 128, "clock_gettime": 113, "clock_nanosleep": 115, "exit_group": 94, "newfstatat": 79,
        "ppoll": 73, "getrandom": 278, "membarrier": 283, "rseq": 293,
    }),
}  # fmt: skip
"""What remains possible: to read and write what is open, memory, time, signals, the end. Nothing can be opened, run,
connected, traced or forked any more.

Numbers: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h.
"""


def end_with(parent: int) -> bool:
    """Be told to end (SIGTERM) when the process that made this one ends; False where it has already."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() == parent


def give_up_rights() -> None:
    """Be without capabilities for good, whatever is run, and leave no core behind; raises OSError."""
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    for number in range(CAPABILITIES):
        # without CAP_SETPCAP the bounding set stays; nothing can be gained from it any more
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, ctypes.c_ulong(number), 0, 0, 0)
    header, none = struct.pack("=Ii", CAPABILITIES_3, 0), bytes(24)
    library = ctypes.CDLL(None, use_errno=True)
    if library.capset(ctypes.create_string_buffer(header, 8), ctypes.create_string_buffer(none, 24)):
        raise OSError(ctypes.get_errno(), "capset")
    _prctl(PR_SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def close_in() -> str:
    """Let the kernel refuse all calls that are not in MACHINES from now on; in words why it does not, else empty."""
    machine = os.uname().machine
    if machine not in MACHINES or struct.calcsize("P") != 8:
        return f"no list of system calls for {machine}"
    code = _program(*MACHINES[machine])
    buffer = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer)))
    try:
        _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(program))
    except OSError as error:
        return f"the kernel refuses the filter: {error.strerror}"
    return ""


def _program(machine: int, calls: dict[str, int]) -> bytes:
    """The filter: code for the kernel's BPF."""
    numbers = sorted(number for name, number in calls.items() if name not in {"mmap", "mprotect"})
    code: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _MACHINE),
        (_EQUAL, 1, 0, machine),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
    ]
    for number in numbers:
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    # memory that can be run is what somebody wants who got in
    code += [
        (_EQUAL, 2, 0, calls["mmap"]),
        (_EQUAL, 1, 0, calls["mprotect"]),
        (_RETURN, 0, 0, _REFUSE),
        (_LOAD, 0, 0, _THIRD),
        (_ANY_BIT, 0, 1, _PROT_EXEC),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return _packed(code)


def _packed(code: Sequence[tuple[int, int, int, int]]) -> bytes:
    return b"".join(struct.pack("=HBBI", *one) for one in code)


def _prctl(option: int, argument: int, more: int = 0) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, ctypes.c_ulong(argument), ctypes.c_ulong(more), ctypes.c_ulong(0), ctypes.c_ulong(0)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))

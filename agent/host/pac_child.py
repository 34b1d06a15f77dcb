"""Answers for one proxy auto-configuration script. Run as a program of its own: the script is not to be trusted.

Standard input: JSON with ``script``, ``clients`` (addresses) and ``ask``, a list of ``[url, host]``. Standard output: a
JSON line for each, a list of ``[answer, server's address, client's address, whether it is time]``. Before the script is
read this process gives up files, sockets and other programs for good (seccomp), and most memory; a step that takes too
long ends it by SIGALRM.
"""

from __future__ import annotations

import ctypes
import json
import resource
import signal
import struct
import sys

import pacparser

PATIENCE = 0.2
"""Seconds for reading the script, and for each answer."""
MEMORY = 512 << 20
"""Bytes of address space."""
ADDRESSES = ("23.32.0.1", "151.101.1.1", "2.16.5.5")
"""What names are taken to resolve to: public addresses of content delivery networks."""
PRELUDE = """
var gateproof = {dns: "", me: "", time: false, looked: {}};
function dnsResolve(host) { gateproof.looked.dns = 1; return gateproof.dns; }
function dnsResolveEx(host) { gateproof.looked.dns = 1; return gateproof.dns; }
function isResolvable(host) { return true; }
function isResolvableEx(host) { return true; }
function myIpAddress() { gateproof.looked.me = 1; return gateproof.me; }
function myIpAddressEx() { gateproof.looked.me = 1; return gateproof.me; }
function weekdayRange() { gateproof.looked.time = 1; return gateproof.time; }
function dateRange() { gateproof.looked.time = 1; return gateproof.time; }
function timeRange() { gateproof.looked.time = 1; return gateproof.time; }
"""
EPILOGUE = """
gateproof.find = FindProxyForURL;
FindProxyForURL = function(url, host) {
    gateproof.looked = {};
    var found = gateproof.find(url, host);
    var looked = [];
    for (var what in gateproof.looked) looked.push(what);
    return found + "\\n" + looked.sort().join(",");
};
"""
ALLOWED = (0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 25, 28, 35, 38, 39, 60, 96, 131, 201, 202, 228, 231, 318)
"""x86-64: read write close fstat lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn mremap madvise
nanosleep setitimer getpid exit gettimeofday sigaltstack time futex clock_gettime exit_group getrandom."""
X86_64 = 0xC000003E  # AUDIT_ARCH_X86_64
NO_NEW_PRIVS, SECCOMP, FILTER = 38, 22, 2  # prctl(2)
RETURN_ERROR, RETURN_ALLOW, RETURN_KILL = 0x00050001, 0x7FFF0000, 0x80000000  # EPERM for what is not allowed
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def confine() -> None:
    """Give up everything that is not needed to compute; raises OSError where the kernel cannot do that."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    rules = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, X86_64), (RETURN, 0, 0, RETURN_KILL), (LOAD, 0, 0, 0)]
    left = len(ALLOWED)
    for number in ALLOWED:
        rules.append((EQUAL, left, 0, number))
        left -= 1
    rules += [(RETURN, 0, 0, RETURN_ERROR), (RETURN, 0, 0, RETURN_ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
    program = _Program(len(rules), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((NO_NEW_PRIVS, 1, 0, 0, 0), (SECCOMP, FILTER, ctypes.byref(program), 0, 0)):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def hurry() -> None:
    """Let this process end where the next step takes too long."""
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)


def answers(url: str, host: str, clients: list[str]) -> list[list[str]]:
    """Every answer with the server's address, the client's and whether it is time, under all assumptions that count."""
    found: dict[tuple[str, str, str, str], None] = {}

    def ask(address: str, client: str, now: str) -> str:
        hurry()
        pacparser.parse_pac_string(f'gateproof.dns="{address}"; gateproof.me="{client}"; gateproof.time={now};')
        answer, _, looked = str(pacparser.find_proxy(url, host)).rpartition("\n")
        found[answer, address, client, now] = None
        return looked

    looked = ask(ADDRESSES[0], clients[0], "false") + "," + ask(ADDRESSES[0], clients[0], "true")
    for address in ADDRESSES:
        for client in clients if "me" in looked else clients[:1]:
            for now in ("false", "true"):
                looked += "," + ask(address, client, now)
    return [list(one) for one in found]


def main() -> int:
    """Answer; 1 with a line on standard error where the script is refused."""
    asked = json.load(sys.stdin)
    pacparser.init()
    confine()
    hurry()
    try:
        pacparser.parse_pac_string(PRELUDE)
        pacparser.parse_pac_string(asked["script"])
        pacparser.parse_pac_string(EPILOGUE)
        for url, host in asked["ask"]:
            sys.stdout.write(json.dumps(answers(url, host, asked["clients"])) + "\n")
    except Exception as error:  # noqa: BLE001 - the top of a worker: whatever the script does is its answer
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())

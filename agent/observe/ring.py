"""A ring of blocks that the kernel fills with frames and we empty: AF_PACKET with TPACKET_V3 (packet(7)).

The layouts are those of include/uapi/linux/if_packet.h. The socket is made for no protocol, so that nothing arrives
before its filter stands; with the filter attached and the ring mapped it is bound, and then frames come.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import socket
import struct
from typing import TYPE_CHECKING, Final

from agent.errors import GateproofError
from agent.model.record import record

if TYPE_CHECKING:
    from agent.observe.tap_interfaces import Link

Frame = tuple[float, bytes, int, bool]
"""Seconds since 1970, the frame, its length on the wire, and whether it was on its way out of this host."""

RING: Final = 2 << 20
"""Bytes of one ring."""
LEAST: Final = 512 << 10
"""Bytes of the smallest that is of use; of larger frames than its blocks the beginning is kept."""
BLOCKS: Final = 16
"""Its blocks: of 128 KiB, more than the largest frame that receive offload puts together (64 KiB)."""
RETIRE: Final = 60
"""Milliseconds after which a block that is not full is given to us."""
MOST: Final = 4096
"""Instructions that the kernel takes (BPF_MAXINSNS)."""

ETH_P_ALL: Final = 3
SOL_PACKET: Final = 263
ADD_MEMBERSHIP, RX_RING, STATISTICS, VERSION, FANOUT = 1, 5, 6, 10, 18
TPACKET_V3: Final = 2
FANOUT_HASH: Final = 0
SO_ATTACH_FILTER: Final = 26
MR_PROMISC: Final = 1
OUTGOING: Final = 4
_TO_USER: Final = 1
_VLAN_VALID: Final = 1 << 4
_TPID_VALID: Final = 1 << 6
_TPID: Final = 0x8100
_INSTRUCTION: Final = 8
_NOTHING: Final = struct.pack("=HBBI", 6, 0, 0, 0)
"""A filter that passes nothing: ``ret #0``."""

# tpacket_block_desc: status, number of frames, offset of the first
_block = struct.Struct("=8xIII").unpack_from
# tpacket3_hdr: next, seconds, nanoseconds, captured, length, status, where the frame begins, tag and its EtherType;
# behind it, sockaddr_ll with the type of the packet
_header = struct.Struct("=6IH6xIH20xB").unpack_from
_release = struct.Struct("=I").pack_into
_tag = struct.Struct(">HH").pack


@record
class Statistics:
    """What a ring has taken since it was made; ``packets`` includes the dropped ones."""

    packets: int = 0
    drops: int = 0
    """Because the ring was full."""
    freezes: int = 0
    """How often it became full."""

    def plus(self, other: Statistics) -> Statistics:
        """Both together."""
        return Statistics(self.packets + other.packets, self.drops + other.drops, self.freezes + other.freezes)


class Ring:
    """The frames of one interface that pass ``program``; raises GateproofError with one line that says what to do.

    The tag of a VLAN, which the kernel takes off a frame, is put back: decoders then find it where other captures
    have it. ``group`` shares the frames of the interface with other processes that name the same.
    """

    def __init__(
        self, link: Link, program: bytes, *, size: int = RING, promiscuous: bool = False, group: int | None = None
    ) -> None:
        self.link = link
        self._taken = Statistics()
        self._number = 0
        self._block = max(size // BLOCKS // mmap.PAGESIZE, 1) * mmap.PAGESIZE
        self._blocks = BLOCKS
        self._ring: mmap.mmap | None = None
        self._socket = _socket(link)
        try:
            self._ring = self._prepare(program if group is None else _NOTHING, promiscuous=promiscuous)
            self._socket.bind((link.name, ETH_P_ALL))
            if group is not None:
                self._share(group)
                # until now it was a second receiver of what the others of the group take
                _attach(self._socket, program)
        except OSError as error:
            self.close()
            raise trouble(link.name, error) from error
        except GateproofError:
            self.close()
            raise

    def _prepare(self, program: bytes, *, promiscuous: bool) -> mmap.mmap:
        option = self._socket.setsockopt
        option(SOL_PACKET, VERSION, TPACKET_V3)
        _attach(self._socket, program)
        frames = self._blocks * (self._block // 2048)
        option(SOL_PACKET, RX_RING, struct.pack("=7I", self._block, self._blocks, 2048, frames, RETIRE, 0, 0))
        if promiscuous:
            option(SOL_PACKET, ADD_MEMBERSHIP, struct.pack("=iHH8x", self.link.index, MR_PROMISC, 0))
        return mmap.mmap(self._socket.fileno(), self._block * self._blocks)

    def _share(self, group: int) -> None:
        """Join a group in which the hash of a flow, the same for both directions, decides who takes a frame.

        Without ROLLOVER: a frame that goes to another process because this one is busy tears its flow apart, and a
        drop is at least counted. Without DEFRAG: fragments of a datagram have the same hash without it, that of
        addresses alone, and the fragment queues of the host are not ours to fill. Errors of ICMP have it as well: the
        process that takes one need not be that of the connection which it quotes.
        """
        self._socket.setsockopt(SOL_PACKET, FANOUT, group & 0xFFFF | FANOUT_HASH << 16)

    def fileno(self) -> int:
        """For poll(2): readable when a block is ready, in error when the interface went down."""
        return self._socket.fileno()

    def read(self) -> list[Frame]:
        """The frames of the next block; none where no block is ready."""
        ring = self._ring
        if ring is None:
            return []
        place = self._number * self._block
        status, count, first = _block(ring, place)
        if not status & _TO_USER:
            return []
        frames: list[Frame] = []
        add, unpack = frames.append, _header
        ethernet = self.link.framed
        at = place + first
        for _ in range(count):
            following, seconds, fraction, captured, length, status, begin, tci, tpid, kind = unpack(ring, at)
            begin += at
            if status & _VLAN_VALID and ethernet:
                tag = _tag(tpid if status & _TPID_VALID else _TPID, tci)
                frame = ring[begin : begin + 12] + tag + ring[begin + 12 : begin + captured]
                length += 4
            else:
                frame = ring[begin : begin + captured]
            add((seconds + fraction * 1e-9, frame, length, kind == OUTGOING))
            at += following
        # everything is copied: the kernel may fill it again while we decode
        _release(ring, place + 8, 0)
        self._number = (self._number + 1) % self._blocks
        return frames

    def filter(self, program: bytes) -> None:
        """Another program in place of the one before; raises GateproofError where the kernel refuses it."""
        try:
            _attach(self._socket, program)
        except OSError as error:
            raise trouble(self.link.name, error) from error

    def error(self) -> int:
        """The number of the error that poll(2) told of, once: ENETDOWN where the interface went down."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def statistics(self) -> Statistics:
        """What it took so far; the kernel counts from zero each time it is asked."""
        counted = struct.unpack("=3I", self._socket.getsockopt(SOL_PACKET, STATISTICS, 12))
        self._taken = self._taken.plus(Statistics(*counted))
        return self._taken

    def close(self) -> None:
        """Let socket and memory go."""
        if self._ring is not None:
            self._ring.close()  # it holds a descriptor of its own
            self._ring = None
        self._socket.close()


def _socket(link: Link) -> socket.socket:
    # without a link header that we know the kernel takes it off: what remains is the IP packet
    kind = socket.SOCK_RAW if link.framed else socket.SOCK_DGRAM
    try:
        return socket.socket(socket.AF_PACKET, kind | socket.SOCK_CLOEXEC, 0)
    except OSError as error:
        raise trouble(link.name, error) from error


def _attach(opened: socket.socket, program: bytes) -> None:
    """Put a filter in place of the one before, in one step; raises GateproofError where it is too long."""
    count = len(program) // _INSTRUCTION
    if count > MOST:
        raise GateproofError(f"a filter of {count} instructions, more than the kernel takes ({MOST}): name fewer ports")
    code = ctypes.create_string_buffer(program, len(program))
    opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", count, ctypes.addressof(code)))


def trouble(name: str, error: OSError) -> GateproofError:
    """One line for a person."""
    if error.errno in {errno.EPERM, errno.EACCES}:
        how = "run as root, or give the service AmbientCapabilities=CAP_NET_RAW"
        return GateproofError(f"watching {name} needs CAP_NET_RAW: {how}")
    if error.errno in {errno.ENODEV, errno.ENXIO}:
        return GateproofError(f"{name} went away while it was opened: try again")
    if error.errno == errno.ENOMEM:
        return GateproofError(f"{name}: no memory for a ring: watch fewer interfaces, or free some")
    return GateproofError(f"{name} cannot be watched: {error.strerror or error}")

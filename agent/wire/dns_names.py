"""Names in DNS messages, and IANA's words for types, classes, codes (dns-parameters)."""

from __future__ import annotations

from typing import Final

from agent.errors import Malformed, Truncated

NAME_LIMIT: Final = 255
"""Bytes of a name on the wire (RFC 1035 §2.3.4)."""
TOO_LONG: Final = "<name too long>"
"""What stands for a name of more bytes: nothing that a name can be, for it would escape no such character."""
TYPES: Final = {
    1: "A", 2: "NS", 3: "MD", 4: "MF", 5: "CNAME", 6: "SOA", 7: "MB", 8: "MG", 9: "MR", 10: "NULL", 11: "WKS",
    12: "PTR", 13: "HINFO", 14: "MINFO", 15: "MX", 16: "TXT", 17: "RP", 18: "AFSDB", 19: "X25", 20: "ISDN", 21: "RT",
    22: "NSAP", 23: "NSAP-PTR", 24: "SIG", 25: "KEY", 26: "PX", 27: "GPOS", 28: "AAAA", 29: "LOC", 30: "NXT",
    31: "EID", 32: "NIMLOC", 33: "SRV", 34: "ATMA", 35: "NAPTR", 36: "KX", 37: "CERT", 38: "A6", 39: "DNAME",
    40: "SINK", 41: "OPT", 42: "APL", 43: "DS", 44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY",
    49: "DHCID", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA", 53: "SMIMEA", 55: "HIP", 56: "NINFO", 57: "RKEY",
    58: "TALINK", 59: "CDS", 60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC", 63: "ZONEMD", 64: "SVCB", 65: "HTTPS",
    66: "DSYNC", 67: "HHIT", 68: "BRID", 99: "SPF", 100: "UINFO", 101: "UID", 102: "GID", 103: "UNSPEC", 104: "NID",
    105: "L32", 106: "L64", 107: "LP", 108: "EUI48", 109: "EUI64", 128: "NXNAME", 249: "TKEY", 250: "TSIG", 251: "IXFR",
    252: "AXFR", 253: "MAILB", 254: "MAILA", 255: "ANY", 256: "URI", 257: "CAA", 258: "AVC", 259: "DOA",
    260: "AMTRELAY", 261: "RESINFO", 262: "WALLET", 32768: "TA", 32769: "DLV",
}  # fmt: skip
CLASSES: Final = {1: "IN", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY"}
RCODES: Final = {
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN", 7: "YXRRSET",
    8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE",
}  # fmt: skip
OPCODES: Final = frozenset({0, 1, 2, 4, 5, 6})
"""QUERY, IQUERY, STATUS, NOTIFY, UPDATE, DSO."""
_ESCAPED: Final = tuple(
    f"\\{byte:03d}" if not 0x21 <= byte <= 0x7E or chr(byte) in '.\\"();@$' else chr(byte).lower()
    for byte in range(256)
)
"""Each byte of a label as it is written: in lower case, a dot within a label as ``\\046``."""
_PLAIN: Final = frozenset(b".abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_*/:+=!#%&',?<>[]^`{|}~")


def name_at(data: bytes, at: int) -> tuple[str, int]:
    """The name at a place, and where what follows it begins; raises Malformed for loops and forward pointers.

    Of a name that is longer than may be nothing is told but that; resolvers have been seen to send such.
    """
    labels: list[bytes] = []
    behind = -1
    lowest = at
    length = 1
    size = len(data)
    while True:
        if at >= size:
            raise Truncated("a name is cut off")
        count = data[at]
        if count == 0:
            return _written(labels), behind if behind >= 0 else at + 1
        if count < 0x40:
            label = data[at + 1 : at + 1 + count]
            if len(label) < count:
                raise Truncated("a label is cut off")
            length += count + 1
            if length > NAME_LIMIT:
                return TOO_LONG, behind if behind >= 0 else _end(data, at)
            labels.append(label)
            at += count + 1
        elif count >= 0xC0:
            if at + 2 > size:
                raise Truncated("a pointer is cut off")
            to = (count & 0x3F) << 8 | data[at + 1]
            if behind < 0:
                behind = at + 2
            if to >= lowest:  # RFC 1035 §4.1.4: a prior occurrence; so no loop is possible
                raise Malformed("a name points forward")
            at = lowest = to
        else:
            raise Malformed(f"a label of kind {count >> 6}")


def _end(data: bytes, at: int) -> int:
    """Where a name ends in place: behind its root, or its first pointer."""
    while at < len(data):
        count = data[at]
        if count == 0:
            return at + 1
        if count >= 0xC0:
            return at + 2
        at += count + 1
    raise Truncated("a name is cut off")


def _written(labels: list[bytes]) -> str:
    joined = b".".join(labels)
    if _PLAIN.issuperset(joined) and joined.count(b".") < len(labels):
        return joined.decode("ascii").lower()
    return ".".join(["".join([_ESCAPED[byte] for byte in label]) for label in labels]) or "."

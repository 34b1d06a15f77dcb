"""The real engines behind the dialects, where this machine has them."""

from __future__ import annotations

import ctypes
from ctypes.util import find_library
from functools import cache
from typing import Final

LIBC: Final = ctypes.CDLL(None)
SIZE_OF_REGEX: Final = 256
"""More than a ``regex_t``."""
EXTENDED, ICASE, NOSUB = 1, 2, 8
NO_MATCH: Final = 1
FNM_CASEFOLD: Final = 1 << 4
PCRE2_CASELESS: Final = 8


class RefusedError(Exception):
    """The engine takes this for no pattern."""


def glibc(text: str, names: list[str], *, extended: bool, ignore_case: bool) -> list[bool]:
    """Which names ``regexec`` finds a pattern in."""
    compiled = ctypes.create_string_buffer(SIZE_OF_REGEX)
    flags = NOSUB | (EXTENDED if extended else 0) | (ICASE if ignore_case else 0)
    if LIBC.regcomp(compiled, text.encode(), flags):
        raise RefusedError(text)
    try:
        return [LIBC.regexec(compiled, name.encode(), 0, None, 0) == 0 for name in names]
    finally:
        LIBC.regfree(compiled)


def fnmatch(text: str, names: list[str], *, ignore_case: bool) -> list[bool]:
    """Which names ``fnmatch`` of the C library fits."""
    flags = FNM_CASEFOLD if ignore_case else 0
    return [LIBC.fnmatch(text.encode(), name.encode(), flags) == 0 for name in names]


@cache
def pcre_library() -> ctypes.CDLL | None:
    """Give PCRE2, where it is installed."""
    name = find_library("pcre2-8") or ""
    try:
        library = ctypes.CDLL(name or "libpcre2-8.so.0")
    except OSError:
        return None
    library.pcre2_compile_8.restype = ctypes.c_void_p
    library.pcre2_compile_8.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint32,
        ctypes.POINTER(ctypes.c_int),
        ctypes.POINTER(ctypes.c_size_t),
        ctypes.c_void_p,
    ]
    library.pcre2_match_data_create_8.restype = ctypes.c_void_p
    library.pcre2_match_data_create_8.argtypes = [ctypes.c_uint32, ctypes.c_void_p]
    library.pcre2_match_8.argtypes = [
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_size_t,
        ctypes.c_uint32,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    library.pcre2_match_data_free_8.argtypes = [ctypes.c_void_p]
    library.pcre2_code_free_8.argtypes = [ctypes.c_void_p]
    return library


def pcre(text: str, names: list[str], *, ignore_case: bool) -> list[bool]:
    """Which names PCRE2 finds a pattern in."""
    library = pcre_library()
    assert library is not None
    error, where = ctypes.c_int(), ctypes.c_size_t()
    pattern = text.encode()
    code = library.pcre2_compile_8(pattern, len(pattern), PCRE2_CASELESS if ignore_case else 0, error, where, None)
    if not code:
        raise RefusedError(text)
    data = library.pcre2_match_data_create_8(10, None)
    try:
        return [library.pcre2_match_8(code, name.encode(), len(name), 0, 0, data, None) >= 0 for name in names]
    finally:
        library.pcre2_match_data_free_8(data)
        library.pcre2_code_free_8(code)

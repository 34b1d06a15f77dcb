"""Compiles the decoders with mypyc where a C compiler is, for the wheel; the same source runs without.

Left out where there is no compiler or no header of Python, and with GATEPROOF_PURE=1. By hand:
``python packaging/compile.py FOLDER`` puts a compiled copy of the packages there.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HOT = (
    "agent/observe/crossings.py", "agent/observe/flows.py", "agent/observe/history.py", "agent/observe/inference.py",
    "agent/observe/questions.py", "agent/observe/quic_attempts.py", "agent/observe/recent.py",
    "agent/observe/required.py", "agent/wire/beside.py", "agent/wire/connection.py", "agent/wire/dissect.py",
    "agent/wire/dns.py", "agent/wire/dns_data.py", "agent/wire/dns_names.py", "agent/wire/hello.py",
    "agent/wire/http.py", "agent/wire/ip.py", "agent/wire/ip_unwrap.py", "agent/wire/ja.py", "agent/wire/link.py",
    "agent/wire/quic.py", "agent/wire/stream.py", "agent/wire/tls.py",
)  # fmt: skip
"""What takes the time of reading packets: all together, for they call each other."""
PACKAGES = ("agent", "rules")


class Compiled(BuildHookInterface):  # type: ignore[type-arg]  # its parameter is a private class of the builder
    """Adds the compiled modules to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel is built."""
        if version == "editable" or os.environ.get("GATEPROOF_PURE") or lacks():
            return
        made = cached(Path(self.root))
        if made is None:
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"] |= {str(one): str(one.relative_to(made)) for one in made.rglob("*.so")}


def lacks() -> str:
    """What is missing to compile, empty where nothing is."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"no C compiler ({compiler})"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "no headers of Python (Debian: python3-dev)"
    return "" if importlib.util.find_spec("mypyc") and importlib.util.find_spec("setuptools") else "no mypyc"


def cached(root: Path) -> Path | None:
    """The folder of what is compiled, from the last time where nothing has changed; None where it failed."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(one for package in PACKAGES for one in (root / package).rglob("*.py")):
        digest.update(path.read_bytes())
    made = Path(sys.prefix, "share", "gateproof-compiled", digest.hexdigest()[:16])
    if not made.is_dir():
        with tempfile.TemporaryDirectory() as work:
            done = subprocess.run((sys.executable, __file__, work), check=False, capture_output=True, text=True)  # noqa: S603 - this file
            if done.returncode:
                sys.stderr.write(
                    f"The decoders could not be compiled, and run as they are:\n{done.stdout}{done.stderr}\n"
                )
                return None
            shutil.rmtree(made.parent, ignore_errors=True)
            for one in Path(work).rglob("*.so"):
                place = made / one.relative_to(work)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(one, place)
    return made


def compile_in(folder: Path) -> None:
    """Compile the modules of a copy of the packages in place."""
    from mypyc.build import mypycify  # noqa: PLC0415 - only here, and only where it is
    from setuptools import Distribution  # noqa: PLC0415 - likewise

    os.chdir(folder)
    build = Distribution(
        {"name": "gateproof", "ext_modules": mypycify([*HOT], group_name="gateproof", target_dir="build")}
    )
    command = build.get_command_obj("build_ext")
    command.inplace = True
    command.ensure_finalized()
    command.run()
    shutil.rmtree("build")


def main() -> None:
    """Put a compiled copy of the packages into the folder named; with ``--missing``: say what that would lack."""
    if sys.argv[1:] == ["--missing"]:
        sys.stdout.write(lacks())
        sys.exit(bool(lacks()))
    root, folder = Path(__file__).resolve().parents[1], Path(sys.argv[1])
    for package in PACKAGES:
        shutil.copytree(
            root / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
        )
    compile_in(folder)


if __name__ == "__main__":
    main()

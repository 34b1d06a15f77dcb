"""dnsmasq and our reading of its files answer alike."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from agent import catalog
from agent.model.resolver import Fate, NameSet
from agent.resolvers import dnsmasq
from agent.resolvers.dnsmasq.options import HARMLESS, MODELLED, OPEN, SHORT
from agent.snapshot import Artifact, Status
from agent.snapshot.programs import ARTIFACT
from tests.daemons.dnsmasq import Config, disagreements
from tests.daemons.internet import internet, needs
from tests.daemons.snapshots import snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from agent.model.resolver import Resolver, View

pytestmark = pytest.mark.daemons
RUNNING = {"name": "dnsmasq", "pid": 7, "arguments": ["dnsmasq", "-k"], "listeners": []}


@pytest.mark.parametrize("first", range(0, 120, 10))
@needs("dnsmasq")
def test_random_configurations(first: int, tmp_path: Path) -> None:
    with internet() as world:
        for seed in range(first, first + 10):
            config = Config(seed, tmp_path / str(seed))
            assert not disagreements(config, world), config.files


@needs("dnsmasq")
def test_every_option_of_the_program_is_in_one_table() -> None:
    said = subprocess.run(("dnsmasq", "--help"), capture_output=True, text=True, check=True).stdout
    options = dict(re.findall(r"^(?:-(.), |    )--([a-zA-Z0-9-]+)", said, re.MULTILINE))
    named = set(re.findall(r"^(?:-., |    )--([a-zA-Z0-9-]+)", said, re.MULTILINE)) | {"server", "local"}
    assert len(named) > 150
    tables = (MODELLED, HARMLESS, OPEN.keys())
    assert {name: sum(name in table for table in tables) for name in named} == dict.fromkeys(named, 1)
    assert {letter: SHORT.get(letter) for letter in options if letter} == {
        letter: name for letter, name in options.items() if letter
    }


def read(files: dict[str, str], **program: object) -> Resolver:
    (found,) = dnsmasq.read(snapshot(files, [RUNNING | program]), frozenset({"livechat.com"})).resolvers
    return found


def only(files: dict[str, str], **program: object) -> View:
    (found,) = read(files, **program).views
    return found


def test_the_command_line_counts_like_a_file() -> None:
    arguments = [
        "dnsmasq",
        "-kA/livechat.com/10.1.1.1",
        "-R",
        "-S",
        "1.1.1.1",
        "--addr=/c.livechat.com/",
        "-C/x.conf",
        "-7",
        "/d,.bak",
    ]
    files = {"/x.conf": "address=/a.livechat.com/\n", "/d/y": "server=/b.livechat.com/#\n", "/etc/hosts": ""}
    found = only(files, arguments=arguments)
    assert found.answer("www.livechat.com", 4)[0].addresses == {(4, 0x0A010101)}
    assert found.answer("a.livechat.com", 4)[0].fate is Fate.NXDOMAIN
    assert found.answer("c.livechat.com", 4)[0].fate is Fate.NXDOMAIN
    assert found.answer("b.livechat.com", 4)[0].upstreams == {"1.1.1.1#53"}
    assert not read(files, arguments=arguments).gaps


def test_what_is_not_followed_leaves_answers_open() -> None:
    found = only({"/etc/dnsmasq.conf": "no-resolv\nno-hosts\nserver=1.1.1.1\nalias=1.2.3.4,5.6.7.8\n"})
    outcome, _ = found.answer("livechat.com", 4)
    assert outcome.fate is Fate.UNKNOWN
    assert "alias" in outcome.because


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('address=/x.com/"10.0.0.1', 'missing "'),
        ("address=/livechat.com/nonsense", "not an address: nonsense"),
        ("frobnicate=yes", "unknown option frobnicate"),
        ("conf-file=/etc/not/there.conf", "/etc/not/there.conf: not in this snapshot"),
        ("conf-script=/bin/true", "a program writes the configuration"),
    ],
)
def test_what_cannot_be_read_is_a_gap_with_its_line(line: str, reason: str) -> None:
    found = read({"/etc/dnsmasq.conf": f"no-hosts\nno-resolv\nserver=1.1.1.1\n{line}\n"})
    (gap,) = found.gaps
    assert reason in str(gap)
    assert gap.source
    assert gap.source.line == 4 or "line 4" in gap.reason
    assert found.views[0].answer("livechat.com", 4)[0].fate is Fate.UNKNOWN


@pytest.mark.parametrize("data", [b"{", b"[1]", b'[{"name": "dnsmasq"}]', b'[{"name": "dnsmasq", "pid": "x"}]'])
def test_a_list_of_programs_that_is_not_understood_is_a_gap(data: bytes) -> None:
    taken = snapshot({}, [])
    broken = replace(taken, artifacts={ARTIFACT: Artifact(ARTIFACT, Status.OK, data)})
    assert any("not understood" in gap.reason for gap in catalog.read(broken, frozenset()).gaps)


def test_files_that_name_each_other_are_read_once() -> None:
    files = {
        "/etc/dnsmasq.conf": "conf-file=/etc/b\nno-resolv\nno-hosts\n",
        "/etc/b": "conf-file=/etc/dnsmasq.conf\nserver=1.1.1.1\n",
    }
    assert only(files).answer("livechat.com", 4)[0].fate is Fate.PASSED_ON


def test_lists_are_searched_for_the_names_of_interest() -> None:
    hosts = "".join(f"0.0.0.0 ad{number}.example\n" for number in range(5000)) + "0.0.0.0 cdn.livechat.com\n"
    found = only({"/etc/dnsmasq.conf": "no-resolv\nserver=1.1.1.1\n", "/etc/hosts": hosts})
    assert {names.text for names in found.stages[0].sets if isinstance(names, NameSet) and names.text} == {
        "cdn.livechat.com"
    }

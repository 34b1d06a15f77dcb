"""The configuration file: defaults, every key, and what each mistake is answered with."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import Observe, Settings, load_settings, read_settings
from agent.errors import ConfigError
from agent.model.vocabulary import Severity

FULL = b"""\
packs = ["livechat"]
fail_on = "high"
state_dir = "/srv/gateproof"
pack_folder = "/srv/packs"
uplinks = ["wan0"]

[schedule]
every = "1h"
jitter = "5m"

[observe]
enabled = false
interfaces = ["lan0", "lan1"]
companions = true
clients = "hashed"

[[zone]]
name = "office"
interface = "lan0"
sources = ["192.168.7.0/24", "2001:db8:7::/64"]

[[zone]]
name = "guests"
interface = "lan1"
"""


def test_every_key_is_read() -> None:
    settings = read_settings(FULL, "gateproof.toml")
    assert settings.packs == ("livechat",)
    assert settings.fail_on is Severity.HIGH
    assert (settings.state_dir, settings.pack_folder) == (Path("/srv/gateproof"), Path("/srv/packs"))
    assert settings.uplinks == ("wan0",)
    assert settings.schedule.every == timedelta(hours=1)
    assert settings.schedule.jitter == timedelta(minutes=5)
    assert settings.observe == Observe(enabled=False, interfaces=("lan0", "lan1"), companions=True, clients="hashed")
    assert [(zone.name, zone.interface, zone.sources) for zone in settings.zone] == [
        ("office", "lan0", ("192.168.7.0/24", "2001:db8:7::/64")),
        ("guests", "lan1", ()),
    ]


def test_an_empty_file_means_the_defaults() -> None:
    assert read_settings(b"", "gateproof.toml") == Settings()
    assert Settings().schedule.every == timedelta(minutes=15)
    assert Settings().fail_on is Severity.LOW


def test_a_missing_default_file_means_the_defaults(tmp_path: Path) -> None:
    assert load_settings(default=tmp_path / "gateproof.toml") == Settings()
    assert load_settings(default=tmp_path / "no-folder" / "gateproof.toml") == Settings()


def test_a_default_file_that_is_there_is_read(tmp_path: Path) -> None:
    (tmp_path / "gateproof.toml").write_bytes(FULL)
    assert load_settings(default=tmp_path / "gateproof.toml").packs == ("livechat",)


def test_a_named_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gateproof\.toml: cannot be read: No such file or directory"):
        load_settings(tmp_path / "gateproof.toml")


def test_a_folder_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('fail_on = "low"\nuplink = ["a"]', "line 2: unknown key `uplink`; did you mean `uplinks`?"),
        ('[[zone]]\nname = "a"\ninterface = "b"\n[[zone]]\nname = "c"\niface = "d"', "line 6: unknown key `iface`"),
        ('[[zone]]\nname = "a"', "line 1: `zone[0].interface` is missing"),
        ('[[zone]]\nname = "a"\ninterface = "sixteen-chars-xx"', "line 3: `zone[0].interface` must be the name of an"),
        (
            '[[zone]]\nname = "a"\ninterface = "b"\nsources = [\n  "10.0.0.0/8",\n  "10.0.0.0/33"]',
            "line 4: `zone[0].sources[1]` must be an address prefix",
        ),
        ('[[zone]]\nname = "host"\ninterface = "b"', "the zone name `host` stands for this host itself"),
        ('[[zone]]\nname = "a"\ninterface = "b"\n[[zone]]\nname = "a"\ninterface = "c"', "two zones are named a"),
        ('[zone]\nname = "a"', "line 1: `zone` must be a list"),
        (
            "[schedule]\nevery = 15",
            "line 2: `schedule.every` must be a time like 90s, 15m, 6h or 1d, in quotes, not 15",
        ),
        ('[schedule]\nevery = "15 minutes"', "line 2: `schedule.every` must be a time like"),
        ('[schedule]\nevery = "1s"', "line 1: `schedule` every must be at least 10s"),
        ('[schedule]\nevery = "1h"\njitter = "1h"', "line 1: `schedule` jitter must be shorter than every"),
        ('schedule.evry = "1h"', "line 1: unknown key `evry`; did you mean `every`?"),
        ("[observe]\nenabled = 1", "line 2: `observe.enabled` must be true or false, not 1"),
        ('[observe]\nclients = "full"', "line 2: `observe.clients` must be 'truncated' or 'hashed', not \"full\""),
        ("[observe]\ncompanion = true", "line 2: unknown key `companion`; did you mean `companions`?"),
        ('observe.interfaces = ["a/b"]', "`observe.interfaces[0]` must be the name of an interface"),
        ('fail_on = "worst"', "line 1: `fail_on` must be 'info', 'low', 'medium', 'high' or 'critical', not \"worst\""),
        ('state_dir = "var"', 'line 1: `state_dir` must be an absolute path, in quotes, not "var"'),
        ('packs = "livechat"', 'line 1: `packs` must be a list, not "livechat"'),
        ("fail_on = \n", "line 1: not TOML: Invalid value"),
        ('\nfail_on = "low"\nfail_on = "low"\n', "line 3: not TOML: Cannot overwrite a value"),
        ('a = "', "line 1: not TOML: Unterminated string"),
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("a = " + "9" * 10_000, "not TOML: "),
        ("\x7fELF\x00", "line 1: not TOML: "),
        ("a = 2026-11-23", "line 1: unknown key `a`"),
        ("fail_on = nan", "line 1: `fail_on` must be"),
    ],
)
def test_a_mistake_is_one_line_with_file_line_and_key(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings(text.encode(), "g.toml")
    assert message in str(caught.value)
    assert str(caught.value).startswith("g.toml")
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_refused_with_their_line() -> None:
    with pytest.raises(ConfigError, match=r"^g\.toml line 2: not UTF-8 text$"):
        read_settings(b"packs = []\nfail_on = '\xff'\n", "g.toml")


@given(st.binary(max_size=200))
def test_any_bytes_are_settings_or_a_config_error(data: bytes) -> None:
    try:
        read_settings(data, "g.toml")
    except ConfigError as error:
        assert re.match(r"g\.toml( line \d+)?: ", str(error))  # noqa: PT017 - either outcome is right


@given(st.integers(0, len(FULL)), st.sampled_from(list(b"[]{}=\"'\n\t #.,x\\")))
def test_one_foreign_character_never_breaks_the_reader(at: int, character: int) -> None:
    try:
        read_settings(FULL[:at] + bytes([character]) + FULL[at:], "g.toml")
    except ConfigError as error:
        assert re.match(r"g\.toml( line \d+)?: ", str(error))  # noqa: PT017 - either outcome is right

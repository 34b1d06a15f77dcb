"""The style of the page: light and dark, wide and narrow, screen and paper; no font or picture from elsewhere."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #fff; --ink: #1b1f24; --soft: #56606c; --line: #d8dde3; --code: #f0f2f5; --link: #0b57b0;
  --allowed: #0b5a22; --allowed-back: #dff3e3; --partial: #6b4300; --partial-back: #ffedc2;
  --blocked: #8f130d; --blocked-back: #fde0de; --unknown: #4b2a86; --unknown-back: #ebe3f9;
  --not-routed: #48515c; --not-routed-back: #e9ecf0;
  --critical: #8f130d; --high: #b3261e; --medium: #94590a; --low: #0b5c8a; --info: #56606c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #111418; --card: #1a1f24; --ink: #e6eaee; --soft: #a3aeba; --line: #333b44; --code: #232a31;
    --link: #8cc0ff;
    --allowed: #93e2a8; --allowed-back: #12381f; --partial: #ffd27a; --partial-back: #453108;
    --blocked: #ffaaa3; --blocked-back: #4f1613; --unknown: #cfb8ff; --unknown-back: #34215c;
    --not-routed: #b3bdc8; --not-routed-back: #2a3138;
    --critical: #ffaaa3; --high: #ff938a; --medium: #ffc96b; --low: #86cdf7; --info: #a3aeba;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink); overflow-wrap: anywhere;
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
header, main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.5rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0; }
h2 { font-size: 1.25rem; margin: 2.25rem 0 .75rem; }
h3 { font-size: 1.05rem; line-height: 1.35; margin: 0; }
h4 { font-size: .8rem; margin: 1rem 0 .25rem; color: var(--soft); text-transform: uppercase; letter-spacing: .05em; }
p { margin: .5rem 0; }
ul { margin: .25rem 0; padding-left: 1.25rem; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: .875em; }
code { background: var(--code); border-radius: .25rem; padding: .1em .3em; }
pre { background: var(--code); border-radius: .4rem; padding: .6rem .75rem; margin: .5rem 0; white-space: pre-wrap; }
pre code { background: none; padding: 0; font-size: inherit; }
time { white-space: nowrap; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0; margin: 1rem 0 0; }
.skip { position: absolute; left: -99rem; }
.skip:focus { position: static; }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
.answer { font-size: 1.15rem; font-weight: 600; margin: .25rem 0; }
.tally { display: flex; flex-wrap: wrap; gap: .5rem; list-style: none; padding: 0; margin: 1rem 0 0; }
.tally li { border: 1px solid var(--line); border-radius: .4rem; padding: .1rem .75rem; background: var(--card); }
.tally [class] { border-left: .4rem solid var(--mark); }
.card, .scroll { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
.critical { --mark: var(--critical); } .high { --mark: var(--high); } .medium { --mark: var(--medium); }
.low { --mark: var(--low); } .info { --mark: var(--info); }
.card { padding: 1rem 1.15rem; margin: 0 0 1rem; border-left: .4rem solid var(--mark); }
.card:target, li:target { outline: 3px solid var(--link); outline-offset: 2px; }
.scroll { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; overflow-wrap: break-word; }
caption { text-align: left; padding: .7rem .9rem; color: var(--soft); font-size: .875rem; }
th, td { text-align: left; vertical-align: top; padding: .45rem .9rem; border-top: 1px solid var(--line); }
thead th { font-size: .8rem; color: var(--soft); }
tbody th { font-weight: 600; min-width: 8rem; }
td code { overflow-wrap: anywhere; }
.long .word { white-space: nowrap; }
.long td:last-child { min-width: 16rem; }
.pack { background: var(--code); color: var(--soft); font-size: .8rem; }
.word { display: inline-block; vertical-align: top; border-radius: .35rem; padding: 0 .5rem; font-weight: 600; }
.word a { color: inherit; }
.allowed { color: var(--allowed); background: var(--allowed-back); }
.partial { color: var(--partial); background: var(--partial-back); }
.blocked { color: var(--blocked); background: var(--blocked-back); }
.unknown { color: var(--unknown); background: var(--unknown-back); }
.not-routed { color: var(--not-routed); background: var(--not-routed-back); }
.badge {
  display: inline-block; border: 1.5px solid; border-radius: .3rem; padding: 0 .45rem; margin-right: .5rem;
  color: var(--mark); font-size: .78rem; font-weight: 700;
  text-transform: uppercase; letter-spacing: .04em; vertical-align: .1em;
}
.critical .badge { color: var(--card); background: var(--mark); border-color: var(--mark); }
.rules { list-style: none; padding: 0; }
.rules li { margin: .3rem 0; }
.names { display: flex; flex-wrap: wrap; gap: .35rem; list-style: none; padding: 0; margin: .5rem 0; }
details { margin: .6rem 0 0; }
summary { cursor: pointer; color: var(--link); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.25rem; margin: .5rem 0; }
dt { color: var(--soft); } dd { margin: 0; }
footer { padding-top: 1rem; padding-bottom: 3rem; color: var(--soft); font-size: .875rem; }
@media (max-width: 40rem) {
  th, td { padding: .4rem .35rem; }
  table { font-size: .84rem; }
  .word { padding: 0 .35rem; }
  tbody th { position: sticky; left: 0; background: var(--card); }
  .card { padding: .85rem .9rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
}
@media print {
  :root { color-scheme: light; --page: #fff; }
  body { font-size: 10pt; }
  nav, .skip { display: none; }
  .scroll { overflow: visible; }
  .card, tr { break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; }
  .word, .badge { print-color-adjust: exact; }
}
"""
"""Colours differ in lightness as well, and no meaning is told by a colour alone. Contrasts are 4.5 or more."""

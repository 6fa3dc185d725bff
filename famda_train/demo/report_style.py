# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The style sheet of the report: system fonts, light and dark, narrow and wide."""

CSS = """
:root {
  color-scheme: light dark;
  --paper: #fbfbf9; --card: #fff; --ink: #1b1f24; --quiet: #5d6670; --line: #e4e5e1;
  --accent: #0b7a6b; --base: #a9b0b6; --track: #eceeea;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --card: #1b1f23; --ink: #e8eaec; --quiet: #99a2ab; --line: #2c3237;
    --accent: #3ecbb4; --base: #6a737b; --track: #262b30;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 74rem; margin: 0 auto; padding: clamp(1.25rem, 4vw, 3.5rem); }
h1 { font-size: clamp(1.6rem, 3.4vw, 2.5rem); line-height: 1.18; letter-spacing: -.02em; font-weight: 650;
  max-width: 26em; margin: .3em 0 1em; text-wrap: balance; }
h2 { font-size: 1.2rem; letter-spacing: -.01em; font-weight: 650; margin: 0 0 1rem; }
section { margin-top: 3.5rem; }
p { margin: 0 0 1rem; max-width: 46rem; }
small { font-size: .8em; color: var(--quiet); font-weight: 400; }
code, pre { font: .9em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.mark { font-weight: 700; letter-spacing: .08em; color: var(--accent); margin: 0; font-size: .9rem; }
.mark span { font-weight: 400; letter-spacing: 0; color: var(--quiet); margin-left: .6em; }
.quiet { color: var(--quiet); font-size: .9rem; margin-top: 1rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.2rem; }
.card .name { font-size: .9rem; color: var(--quiet); }
.card .value { font-size: 2rem; line-height: 1.25; letter-spacing: -.02em; white-space: nowrap; }
.card .value s { text-decoration: none; color: var(--base); margin-right: .5em; font-size: .7em; }
.card .value s::after { content: " \\2192"; }
.card .value b { font-weight: 650; color: var(--accent); }
.card .value small { font-size: .5em; letter-spacing: 0; }
.card p { font-size: .82rem; line-height: 1.4; color: var(--quiet); margin: .3rem 0 0; }
.frame { display: grid; grid-template-columns: repeat(4, 1fr); gap: 6px; margin: 0 0 1.8rem; align-items: end; }
.frame img { display: block; width: 100%; height: auto; border-radius: 4px; image-rendering: pixelated; }
.frame .caption { display: block; font-size: .85rem; color: var(--quiet); margin-bottom: .3rem; }
.frame figcaption { grid-column: 1 / -1; font-weight: 600; font-size: .92rem; }
.legends { display: grid; gap: 1.1rem; }
.depth { display: flex; flex-wrap: wrap; gap: .6rem 2rem; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; margin: 0; padding: 0;
  font-size: .85rem; color: var(--quiet); }
.legend li { display: flex; align-items: center; gap: .45em; }
.legend i { width: .95em; height: .95em; border-radius: 3px; box-shadow: inset 0 0 0 1px rgb(128 128 128 / .35); }
.scale { flex: 1 1 18rem; max-width: 30rem; padding: 0 .8rem; }
.scale img { display: block; width: 100%; height: 12px; border-radius: 6px; }
.ticks { position: relative; height: 1.5em; font-size: .78rem; color: var(--quiet); }
.ticks span { position: absolute; transform: translateX(-50%); top: .15em; white-space: nowrap; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .7rem 1rem .7rem 0; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border: 0; font-size: .85rem; color: var(--quiet); font-weight: 400; padding-block: 0 .5rem; }
tbody th { font-weight: 600; }
th p { font-weight: 400; font-size: .85rem; color: var(--quiet); margin: .1rem 0 0;
  max-width: 34rem; min-width: 16rem; }
.n { text-align: right; white-space: nowrap; }
th.n:last-child, td.n:last-child { padding-right: 0; }
tr.famda th, tr.famda td { color: var(--accent); font-weight: 650; }
tr.famda th p { color: var(--quiet); font-weight: 400; }
.classes th, .classes td { padding-block: .4rem; vertical-align: middle; }
.classes tbody th { font-weight: 400; white-space: nowrap; }
.bar { min-width: 9rem; }
.track { display: inline-block; vertical-align: middle; width: calc(100% - 4rem); height: 8px; border-radius: 4px;
  background: var(--track); overflow: hidden; }
.track i { display: block; height: 100%; border-radius: 4px; background: var(--base); }
.famda .track i, .steps .track i { background: var(--accent); }
.bar span, .steps dd span { display: inline-block; width: 3.4rem; padding-left: .6rem; font-size: .9rem; }
.bar.famda span { font-weight: 650; color: var(--accent); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 1rem; margin: 0; }
.facts div { border-top: 1px solid var(--line); padding-top: .6rem; }
.facts dt { font-size: .85rem; color: var(--quiet); }
.facts dd { margin: 0; font-size: 1.3rem; letter-spacing: -.01em; }
.steps { margin: 0; max-width: 46rem; }
.steps div { display: grid; grid-template-columns: minmax(7rem, 14rem) 1fr; gap: 1rem; padding: .25rem 0; }
.steps dt { color: var(--quiet); font-size: .92rem; }
.steps dd { margin: 0; white-space: nowrap; }
.limits { margin: 0; padding-left: 1.1rem; max-width: 46rem; }
.limits li { margin-bottom: .4rem; }
.next { list-style: none; padding: 0; margin: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
.next li { min-width: 0; font-size: .92rem; color: var(--quiet); }
pre { background: var(--card); color: var(--ink); border: 1px solid var(--line); border-radius: 8px;
  padding: .7rem .9rem; margin: .35rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }
footer { margin-top: 4rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--quiet);
  font-size: .82rem; }
@media (max-width: 44rem) {
  .frame { grid-template-columns: 1fr 1fr; }
  .frame > :nth-child(6) { order: 1; }
  .frame > :nth-child(3), .frame > :nth-child(7) { order: 2; }
  .frame > :nth-child(4), .frame > :nth-child(8) { order: 3; }
  .frame > :nth-child(5), .frame > :nth-child(9) { order: 4; }
  th, td { padding-right: .6rem; }
  th p { min-width: 8.5rem; }
  .card .value { font-size: 1.7rem; }
  .steps div { grid-template-columns: 7rem 1fr; }
}
@media print { section { break-inside: avoid; } }
"""

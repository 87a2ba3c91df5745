/** The page's style. Every text has a contrast of 4.5 to 1 at least with what is behind it, in the light and in the dark. */
export const STYLE = `:root {
  color-scheme: light dark;
  --bg: #f5f4ef; --card: #fffefb; --ink: #15232a; --soft: #4f5f67; --line: #d8d9d2; --accent: #0a6c8f; --tint: #c9e2ea;
  --good: #2a7447; --warn: #865400; --bad: #b2231a; --share: #7c8f64; --shade: rgb(21 35 42 / 6%);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: #0d1417; --card: #141e23; --ink: #e6eef0; --soft: #a3b4bb; --line: #2b3a41; --accent: #62c4e8; --tint: #1b4656;
    --good: #74cd95; --warn: #e6b450; --bad: #ff8d7e; --share: #93a878; --shade: rgb(0 0 0 / 35%);
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.75rem clamp(1rem, 4vw, 2.5rem) 3rem; background: var(--bg); color: var(--ink); }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .5rem 1rem; z-index: 1; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.brand { display: flex; align-items: center; gap: .55rem; margin: 0; font-weight: 600; letter-spacing: .01em; }
h1 { margin: 1.1rem 0 .2rem; font-size: clamp(1.7rem, 5vw, 2.6rem); line-height: 1.15; font-weight: 680; letter-spacing: -.025em; text-wrap: balance; }
h1 .badge { margin-right: .45em; font-size: .62em; vertical-align: .09em; }
.meta { margin: 0; color: var(--soft); }
.meta b { font-weight: 600; color: var(--good); }
.meta b.lost { color: var(--bad); }
section { margin-top: 2.6rem; }
h2 { margin: 0 0 .8rem; font-size: 1.15rem; font-weight: 650; letter-spacing: -.01em; }
h3 { margin: 0; min-width: 0; font-size: 1.02rem; font-weight: 650; overflow-wrap: anywhere; }
dl, dd, figure { margin: 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(6.3rem, 1fr)); gap: 1.1rem; }
.figures div { border-top: 2px solid var(--line); padding-top: .45rem; }
.figures dt, figcaption, .card dt { color: var(--soft); font-size: .82rem; }
.figures dd { font-size: 1.65rem; font-weight: 600; letter-spacing: -.02em; line-height: 1.25; font-variant-numeric: tabular-nums; }
.figures.small dd { font-size: 1.2rem; }
.rate { margin-top: 1.4rem; }
figcaption { display: flex; justify-content: space-between; gap: .5rem; margin-top: .25rem; }
svg { display: block; width: 100%; overflow: visible; }
.rate svg { height: 84px; }
.hits { margin-bottom: 1rem; }
.hits svg { height: 22px; border-radius: 5px; overflow: hidden; }
.key { display: flex; flex-wrap: wrap; gap: .25rem 1.4rem; margin: -.3rem 0 1rem; color: var(--soft); font-size: .85rem; }
.key i { display: inline-block; width: 1.2em; margin-right: .15em; vertical-align: .2em; border-top: 2.5px solid var(--accent); }
.key .p95 { height: .75em; border-top: 0; background: var(--tint); vertical-align: -.05em; }
.key .share { height: .75em; border-top: 0; background: var(--share); opacity: .6; vertical-align: -.05em; }
.key .failed { width: 0; height: .8em; border-top: 0; border-left: 3px solid var(--bad); margin-right: .35em; vertical-align: -.08em; }
#hits-key { margin-bottom: 1.4rem; }
.key .in-hit, .key .in-stale, .key .in-miss { width: .75em; height: .75em; border-top: 0; vertical-align: -.05em; background: var(--accent); }
.key .in-stale { background: var(--warn); } .key .in-miss { background: var(--line); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20.5rem), 1fr)); gap: 1.1rem; }
@media (min-width: 60rem) { .cards:has(> :nth-child(4):last-child) { grid-template-columns: 1fr 1fr; } }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1rem 1.1rem 1.1rem; box-shadow: 0 1px 2px var(--shade); min-width: 0; }
.card.down { border-color: var(--bad); }
.head { display: flex; justify-content: space-between; align-items: baseline; gap: .8rem; }
.where { margin: 0 0 .6rem; color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
.badge { flex: none; display: inline-flex; align-items: center; gap: .35em; font-size: .88rem; font-weight: 600; }
.badge svg { width: .8em; height: .8em; }
.badge.up { color: var(--good); } .badge.suspect, .badge.partly { color: var(--warn); } .badge.unknown { color: var(--soft); } .badge.down { color: var(--bad); }
.card dl { display: grid; grid-template-columns: repeat(4, auto); justify-content: space-between; gap: .2rem .8rem; margin-bottom: .7rem; }
.card dd { font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.latency svg { height: 76px; } .shares svg { height: 26px; } .health svg { height: 20px; }
.card figure + figure { margin-top: .45rem; }
.grid { stroke: var(--line); stroke-width: 1; }
.line { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.band { fill: var(--tint); } .part { fill: var(--share); opacity: .6; } .fail { fill: var(--bad); }
.is-up { fill: var(--good); } .is-suspect, .is-partly { fill: var(--warn); } .is-down { fill: var(--bad); } .is-unknown { fill: var(--line); }
.hit { fill: var(--accent); } .stale { fill: var(--warn); } .miss { fill: var(--line); }
.grid, .line { vector-effect: non-scaling-stroke; }
.table { overflow-x: auto; border-top: 2px solid var(--line); }
table { width: 100%; border-collapse: collapse; font-size: .93rem; }
th, td { padding: .5rem 1rem .5rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 500; font-size: .82rem; white-space: nowrap; }
tbody th { font-weight: 600; overflow-wrap: break-word; min-width: 6rem; max-width: 16rem; }
tr > :last-child { padding-right: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.number + :not(.number) { padding-left: 1rem; }
td.long { overflow-wrap: break-word; min-width: 13rem; max-width: 34rem; } td.when { white-space: nowrap; }
form { display: flex; flex-wrap: wrap; align-items: end; gap: .8rem 1rem; }
label { display: grid; grid-template-columns: minmax(0, 1fr); min-width: 0; max-width: 100%; gap: .2rem; color: var(--soft); font-size: .85rem; }
input, select, button { font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--soft); border-radius: 8px; padding: .5rem .8rem; min-height: 2.75rem; max-width: 100%; }
button { cursor: pointer; font-weight: 600; }
.buttons { display: flex; flex-wrap: wrap; gap: .5rem; }
output { flex-basis: 100%; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .9rem; }
footer a { margin-right: 1.4rem; }
[hidden] { display: none; }
@media (max-width: 40rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody { display: block; }
  tr { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; padding: .6rem 0 .7rem; border-bottom: 1px solid var(--line); }
  th, td, td.long { padding: 0; border: 0; text-align: left; min-width: 0; max-width: 100%; }
  tbody th { order: -1; flex-basis: 100%; max-width: 100%; overflow-wrap: anywhere; }
  td.long { overflow-wrap: anywhere; }
  .number + :not(.number) { padding-left: 0; }
  td:empty { display: none; }
  td::before { content: attr(data-head) " "; color: var(--soft); font-size: .82rem; }
}
@media (forced-colors: active) { svg * { forced-color-adjust: auto; } .line { stroke: CanvasText; } .band, .part { fill: GrayText; } }
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
`

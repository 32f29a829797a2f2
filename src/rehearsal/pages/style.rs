//! The one stylesheet, kept in the page: there is nothing else to load.

pub(super) const STYLE: &str = "
:root { color-scheme: light; --ink: #28272d; --quiet: #626168; --line: #dcdcde; --paper: #fff;
  --ground: #f6f6f9; --accent: #5c47a6; --link: #1068bf; }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.5 system-ui, 'Liberation Sans', 'DejaVu Sans', sans-serif;
  color: var(--ink); background: var(--ground); }
a { color: var(--link); text-decoration: none; }
a:hover, a:focus { text-decoration: underline; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .5rem; background: #fff; padding: .2rem .6rem; }
header { background: #2f2a42; color: #ececf0; }
.bar { max-width: 1160px; margin: auto; padding: .6rem 1.2rem; display: flex; flex-wrap: wrap;
  gap: .6rem 1.8rem; align-items: center; }
.bar nav { flex: 1; }
.brand { color: #fff; font-size: 1.1rem; }
.clock time { margin-right: .5rem; font-variant-numeric: tabular-nums; }
main { max-width: 1160px; margin: 1.2rem auto; padding: 0 1.2rem; }
footer { max-width: 1160px; margin: 2rem auto; padding: 0 1.2rem; color: var(--quiet);
  font-size: .85rem; }
h1 { font-size: 1.55rem; line-height: 1.25; margin: .3rem 0 .6rem; }
h2 { font-size: 1.1rem; margin: 1.4rem 0 .6rem; }
h3 { font-size: .95rem; margin: 0 0 .2rem; }
p { margin: .4rem 0; }
.small { font-size: .9rem; font-weight: normal; margin-left: .5rem; }
.quiet, .crumbs { color: var(--quiet); font-weight: normal; }
.crumbs { font-size: .9rem; }
.byline { font-size: .92rem; }
.byline b { font-weight: 600; }
.note .byline { margin-top: 0; }
.card > .stacked > :last-child, .stacked.card > :last-child { margin-bottom: 0; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 6px;
  padding: .9rem 1.1rem; margin: 0 0 1rem; overflow-wrap: break-word; }
h1, td.title, .prose { overflow-wrap: anywhere; }
.card .head { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; }
.card .head h2 { flex: 1; margin: 0; }
.empty { color: var(--quiet); }
table { border-collapse: collapse; width: 100%; margin-top: .6rem; }
th, td { text-align: left; padding: .4rem .6rem .4rem 0; border-top: 1px solid var(--line);
  vertical-align: top; }
th { white-space: nowrap; font-size: .85rem; color: var(--quiet); font-weight: 600; border-top: 0; }
td.title { width: 38%; }
td.narrow { white-space: nowrap; font-size: .9rem; }
td.number { text-align: right; padding-right: 2rem; }
.badge { display: inline-block; border-radius: 1rem; padding: 0 .6rem; font-size: .82rem;
  line-height: 1.5rem; white-space: nowrap; }
.opened { background: #c3e6cd; color: #0d532a; }
.closed { background: #cbe2f9; color: #0b5cad; }
.secret { background: #f5d9a8; color: #703800; }
.label { display: inline-block; border: 1px solid #6a5acd; border-radius: 1rem; overflow: hidden;
  font-size: .8rem; line-height: 1.35rem; white-space: nowrap; margin: 0 0 .15rem; }
.label .scope { background: #6a5acd; color: #fff; padding: 0 .55rem; display: inline-block; }
.label .value { padding: 0 .55rem; display: inline-block; background: #fff; color: var(--ink); }
button, .button { font: inherit; font-size: .9rem; border: 1px solid #bfbfc3; background: #fff;
  color: var(--ink); border-radius: 4px; padding: .25rem .7rem; cursor: pointer;
  display: inline-block; }
button:hover, .button:hover { background: #ececef; text-decoration: none; }
.primary { background: var(--accent); border-color: var(--accent); color: #fff; }
.primary:hover { background: #483785; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
header :focus-visible { outline-color: #fff; }
input[type=text], input[type=date], textarea, select { font: inherit; border: 1px solid #89888d;
  border-radius: 4px; padding: .25rem .5rem; background: #fff; color: var(--ink); max-width: 100%; }
.stacked label { display: block; font-weight: 600; margin-bottom: .8rem; }
.stacked label.check { font-weight: normal; }
.stacked input[type=text], .stacked textarea { display: block; width: 100%; margin-top: .25rem;
  font-weight: normal; }
textarea { font-family: ui-monospace, 'Liberation Mono', 'DejaVu Sans Mono', monospace;
  font-size: .9rem; line-height: 1.45; }
.chooser { border-bottom: 1px solid var(--line); padding-bottom: .8rem; margin-bottom: .9rem; }
.columns { display: grid; grid-template-columns: minmax(0, 1fr) 17rem; gap: 1.6rem; }
aside section { border-bottom: 1px solid var(--line); padding: 0 0 .8rem; margin: 0 0 .8rem; }
aside input { width: 100%; margin: 0 0 .4rem; }
.activity { list-style: none; margin: 0; padding: 0; }
.system { color: var(--quiet); font-size: .88rem; padding: 0 1.1rem; margin: 0 0 1rem;
  border-left: 3px solid var(--line); margin-left: 1rem; }
.system .said p { display: inline; }
.note:target, .system:target { border-color: var(--accent); }
.edit { margin-top: .7rem; font-size: .92rem; }
.edit summary { cursor: pointer; color: var(--link); }
.edit form { margin-top: .6rem; }
.prose > :first-child { margin-top: 0; }
.prose > :last-child { margin-bottom: 0; }
.prose h1 { font-size: 1.3rem; } .prose h2 { font-size: 1.15rem; } .prose h3 { font-size: 1rem; }
.prose p, .prose ul, .prose ol, .prose pre, .prose blockquote, .prose table { margin: .6rem 0; }
.prose table { width: auto; }
.prose th, .prose td { border: 1px solid var(--line); padding: .3rem .7rem; }
.prose th { color: var(--ink); background: var(--ground); }
.prose code { background: #ececef; border-radius: 3px; padding: .1rem .3rem; font-size: .88em; }
.prose pre { background: #f6f6f9; border: 1px solid var(--line); border-radius: 4px;
  padding: .6rem .8rem; overflow-x: auto; }
.prose pre code { background: none; padding: 0; }
.prose blockquote { border-left: 3px solid var(--line); padding-left: .9rem; margin-left: 0;
  color: var(--quiet); }
.prose li > input[type=checkbox] { margin-right: .4rem; }
.prose li:has(> input[type=checkbox]) { list-style: none; margin-left: -1.3rem; }
@media (max-width: 800px) { .columns { grid-template-columns: 1fr; } }
";

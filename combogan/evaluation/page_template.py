"""The HTML of an evaluation's page, as a Jinja template: everything that is inserted is escaped.

The page's security policy forbids scripts and other files, so it looks the same wherever it is sent.
"""

_STYLE = """
:root { color-scheme: light dark;
  --page: #fcfcfb; --ink: #171716; --soft: #62615c; --line: #dddcd6; --card: #f3f2ee; --link: #1d5fae;
  --good: 42 120 214; --bad: 235 104 52;
  --c0: #2a78d6; --c1: #e0701c; --c2: #1b9a6c; --c3: #8a5cd1;
  --c4: #d9a100; --c5: #e0488a; --c6: #5b7d1a; --c7: #8b5a3c }
@media (prefers-color-scheme: dark) { :root {
  --page: #181817; --ink: #f2f1ec; --soft: #aaa9a1; --line: #3b3a37; --card: #232321; --link: #7ab2f5;
  --good: 72 145 235; --bad: 226 96 44;
  --c0: #5b9ff0; --c1: #ef8a3d; --c2: #2fbd8a; --c3: #ad8bee;
  --c4: #e3b840; --c5: #f07fae; --c6: #9fc04a; --c7: #c08a66 } }
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100% }
body { margin: 0 auto; padding: 1.2rem 1rem 4rem; max-width: 76rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif }
h1, h2, h3 { line-height: 1.2; overflow-wrap: anywhere; margin: 0 0 .4em }
h1 { font-size: 1.6rem } h2 { font-size: 1.25rem; margin-top: 2.4em } h3 { font-size: 1rem }
p { margin: 0 0 .8em; max-width: 44rem; overflow-wrap: anywhere }
a { color: var(--link) }
.soft, small, figcaption p { color: var(--soft) }
.box { overflow-x: auto; max-width: 100% }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th { font-weight: 600 }
.means td, .means th { padding: .3em .7em; text-align: right; vertical-align: top }
.means td, .means th { border-bottom: 1px solid var(--line) }
.means th:first-child { text-align: left; padding-left: 0; min-width: 7.2rem }
.means thead th { color: var(--soft); font-weight: 400; font-size: .85rem; vertical-align: bottom }
.means small { display: block; font-weight: 400 }
.means { margin-bottom: .8em }
.won { font-weight: 700 }
figure { margin: 0; min-width: 0 }
figcaption p { font-size: .875rem; margin: .5em 0 0 }
.many { display: grid; gap: 2rem 2rem; grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr)) }
.wide { grid-template-columns: minmax(0, 1fr) }
.matrix { width: 100%; font-size: .9rem; table-layout: fixed }
.matrix th:first-child { width: 22% }
.matrix.big { font-size: .72rem; table-layout: auto }
.matrix.big tbody th { position: sticky; left: 0; background: var(--page) }
.matrix td { text-align: center; padding: 0; border: 2px solid var(--page); line-height: 1.2; height: 3.1em }
.matrix.big td { min-width: 3.6em }
.matrix td a { display: block; color: inherit; text-decoration: none; padding: .45em 0 }
.matrix td small { display: block; color: inherit; opacity: .8; font-size: .8em }
.matrix th { font-weight: 400; padding: .2em .3em; line-height: 1.15; overflow-wrap: break-word; max-width: 13em }
.matrix tbody th { text-align: right } .matrix thead th { vertical-align: bottom }
.matrix.big thead th { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; max-height: 9em }
.good { background: rgb(var(--good) / calc(var(--heat) * .62)) }
.bad { background: rgb(var(--bad) / calc(var(--heat) * .62)) }
.none { background: var(--card) }
.key { display: flex; flex-wrap: wrap; gap: .2em 1.2em; list-style: none; padding: 0; margin: 0 0 1em }
.key li { overflow-wrap: anywhere } .key svg { width: 1.8em; height: .7em; margin-right: .4em }
.chart { display: block; width: 100%; height: auto; overflow: visible }
.chart text { font: 11px system-ui, sans-serif; fill: var(--soft) }
.chart .axis { stroke: var(--line); stroke-width: 1 }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round }
.chart .mark { stroke: var(--ink); stroke-dasharray: 3 3 }
.chart .dot, .chart .best { fill: var(--ink) }
.pairs { display: grid; gap: 2rem; grid-template-columns: repeat(auto-fill, minmax(min(32rem, 100%), 1fr)) }
.shown { table-layout: fixed; width: 100%; max-width: 40rem; font-size: .85rem }
.shown th { font-weight: 400; padding: .1em .3em .1em 0; text-align: left; line-height: 1.25; overflow-wrap: anywhere }
.shown thead th { color: var(--soft); overflow: hidden; text-overflow: ellipsis } .shown th:first-child { width: 4.4em }
.shown td { padding: 1px }
@media (max-width: 34rem) {
  .means { font-size: .8rem } .means td, .means th { padding: .3em .25em }
  .means th:first-child { min-width: 6rem }
  .matrix.big { font-size: .62rem } .shown { font-size: .75rem } .shown th:first-child { width: 4.2em } }
.shown img { display: block; width: 100%; height: auto; border-radius: 2px }
"""

_MATRIX = """
{% macro matrix(one) %}
<figure>
<h3>{{ one.title }}</h3>
<div class="box"><table class="matrix{{ ' big' if one.names | length > 6 }}">
<thead><tr><th scope="col"><small>from \\ to</small></th>
{%- for name in one.names %}<th scope="col">{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{%- for row in one.rows %}
<tr><th scope="row">{{ row.name }}</th>
{%- for cell in row.cells %}
{%- if cell %}
<td class="{{ 'good' if cell.heat >= 0 else 'bad' }}" style="--heat:{{ '%.2f' | format(cell.heat | abs) }}">
{%- if cell.link %}<a href="#{{ cell.link }}">{% endif %}{{ cell.text }}
{%- if cell.under %}<small>{{ cell.under }}</small>{% endif %}{% if cell.link %}</a>{% endif %}</td>
{%- else %}<td class="none"></td>{% endif %}
{%- endfor %}</tr>
{%- endfor %}
</tbody></table></div>
<figcaption><p>{{ one.how }}</p></figcaption>
</figure>
{% endmacro %}
"""

_CHART = """
{% macro chart(one) %}
<figure>
<h3>{{ one.title }}</h3>
<svg class="chart" viewBox="0 0 {{ one.width }} {{ one.height }}" role="img" aria-label="{{ one.title }}">
{%- for tick in one.heights %}
<line class="axis" x1="{{ one.left }}" x2="{{ one.right }}" y1="{{ tick.at }}" y2="{{ tick.at }}"/>
<text x="{{ one.left - 6 }}" y="{{ tick.at + 4 }}" text-anchor="end">{{ tick.text }}</text>
{%- endfor %}
{%- for tick in one.iterations %}
<text x="{{ tick.at }}" y="{{ one.height - 4 }}" text-anchor="middle">{{ tick.text }}</text>
{%- endfor %}
{%- for line in one.lines %}
<polyline class="line" style="stroke:var(--c{{ line.colour }})" {% if line.dashed %}stroke-dasharray="5 3" {% endif -%}
points="{{ line.points }}"><title>{{ line.name }}</title></polyline>
{%- endfor %}
{%- if one.best %}
{%- set best = one.best %}
<line class="mark" x1="{{ best.at }}" x2="{{ best.at }}" y1="{{ one.top }}" y2="{{ one.bottom }}"/>
{%- if best.height is not none %}<circle class="dot" cx="{{ best.at }}" cy="{{ best.height }}" r="4"/>{% endif %}
<text class="best" x="{{ best.at }}" y="{{ one.top - 5 }}" text-anchor="{{ best.anchor }}">{{ best.text }}</text>
{%- endif %}
</svg>
</figure>
{% endmacro %}
"""

_BODY = """
<h1>{{ about.run }}</h1>
<p>{{ about.what }}</p>
<p class="soft">{{ about.how }}</p>
{% for note in notes %}<p>{{ note }}</p>
{% endfor %}
<h2>On average</h2>
{%- if means.rows %}
<p>{{ means.sentence }}</p>
<div class="box"><table class="means">
<thead><tr><th scope="col"></th>{% for head in means.heads %}<th scope="col">{{ head }}</th>{% endfor %}</tr></thead>
<tbody>
{%- for row in means.rows %}
<tr><th scope="row">{{ row.name }}<small>{{ row.better }}</small></th>
{%- for text in row.texts %}<td{% if loop.first and row.won %} class="won"{% endif %}>{{ text }}</td>{% endfor %}</tr>
{%- endfor %}
</tbody></table></div>
<p class="soft">Every direction counts the same. Bold: better than colour matching, which brings each colour channel
of the source to the mean and deviation of the target and needs no learning. Copying: the source as it
is. Real: test pictures of the target.</p>

<h2>From each domain to each other</h2>
<p>Rows are sources, columns are targets. Blue is good, orange is worse than colour matching; the deeper the colour, the
larger the difference.{% if pairs %} A number leads to its pictures.{% endif %}</p>
<div
class="many{{ ' wide' if matrices[0].names | length > 6 }}">{% for one in matrices %}{{ matrix(one) }}{% endfor %}</div>
{%- else %}
<p>No direction could be scored.</p>
{%- endif %}
{% if losses or validation %}
<h2>While it trained</h2>
<p class="soft">From left to right: iterations.</p>
{%- endif %}
{% if validation %}
<p>Scored while training, on pictures that were not trained on.
{%- if best %} The dashed line is the best checkpoint.{% endif %}</p>
<div class="many">{% for one in validation %}{{ chart(one) }}{% endfor %}</div>
{% endif %}
{% if losses %}
<p{% if validation %} style="margin-top:2em"{% endif %}>The losses of each domain. They show whether training is stable;
that a loss falls does not say that pictures get better.</p>
<ul class="key">
{%- for line in key %}
<li><svg viewBox="0 0 36 14" aria-hidden="true">
<polyline class="line" style="stroke:var(--c{{ line.colour }});stroke-width:4"
{% if line.dashed %}stroke-dasharray="10 6" {% endif %}points="0,7 36,7"/></svg>{{ line.name }}</li>
{%- endfor %}
</ul>
<div class="many">{% for one in losses %}{{ chart(one) }}{% endfor %}</div>
{% endif %}
{% if pairs %}
<h2>Best, median and worst</h2>
<p>Of the test pictures of each direction, ranked by nearness to the truth (PSNR) where it is known, else by how much of
the source's edges is kept: that ranking sees what was lost, and not whether the target was reached.</p>
<div class="pairs">
{%- for pair in pairs %}
<figure id="{{ pair.link }}">
<h3>{{ pair.source }} → {{ pair.target }}</h3>
<table class="shown">
<thead><tr><th scope="col"><small>{{ pair.measure }}</small></th>
{%- for head in pair.heads %}<th scope="col">{{ head }}</th>{% endfor %}</tr></thead>
<tbody>
{%- for row in pair.rows %}
<tr><th scope="row">{{ row.label }}<br>{{ row.score }}</th>
{%- for picture in row.pictures %}<td>{% if picture %}<img src="{{ picture.uri }}" alt="{{ picture.alt }}"
width="{{ picture.width }}" height="{{ picture.height }}">{% endif %}</td>{% endfor %}</tr>
{%- endfor %}
</tbody></table>
</figure>
{%- endfor %}
</div>
{% endif %}
"""

TEMPLATE = f"""{_MATRIX}{_CHART}<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{{{{ about.run }}}}: evaluation</title>
<style>{_STYLE}</style>
</head>
<body>
{_BODY}
</body>
</html>
"""

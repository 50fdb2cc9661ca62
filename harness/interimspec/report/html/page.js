// SPDX-License-Identifier: MIT
// Lays out what the page already holds. Nothing is fetched, and nothing from outside ever becomes
// markup: every text goes in as a text node, which the page's Trusted Types policy enforces.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const ROWS = new Map(DATA.rows.map((row) => [row.key, row]));
const COLUMNS = new Map(DATA.columns.map((column, index) => [column.key, index]));
const SVG = "http://www.w3.org/2000/svg";

// Small builders -----------------------------------------------------------------------------

function add(node, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === "") continue;
    if (Array.isArray(child)) add(node, child);
    else node.append(child);
  }
  return node;
}

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  return add(node, children);
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  return add(node, children);
}

function badge(grade) {
  const sign = DATA.grades[grade].sign;
  return el("span", { class: `badge g-${grade}`, title: DATA.grades[grade].meaning }, el("b", {}, sign), ` ${grade}`);
}

function address(row, column) {
  const part = (text) => encodeURIComponent(text).replaceAll("%40", "@").replaceAll("%2B", "+");
  return `#${part(row)}${column ? `/${encodeURIComponent(column)}` : ""}`;
}

function milliseconds(value) {
  if (value === undefined || value === null) return "";
  if (Math.abs(value) >= 10000) return `${(value / 1000).toFixed(2)} s`;
  return `${value.toFixed(Math.abs(value) < 100 ? 1 : 0)} ms`;
}

function cellOf(row, index) {
  const cell = row.cells[index];
  if (!cell) return null;
  const [grade, outcome, sentence, connection, flags] = cell;
  return {
    grade: DATA.gradeOrder[grade], outcome, sentence: DATA.sentences[sentence], connection,
    unstable: (flags & 1) !== 0, embargo: (flags & 2) !== 0,
  };
}

// Evidence -----------------------------------------------------------------------------------

const unpacked = new Map();

async function unpack(id) {
  if (!unpacked.has(id)) {
    const packed = document.getElementById(id);
    if (!packed) return {};
    if (typeof DecompressionStream === "undefined") {
      throw new Error("this browser cannot unpack the evidence (it has no DecompressionStream)");
    }
    const octets = Uint8Array.from(atob(packed.textContent), (char) => char.charCodeAt(0));
    const stream = new Blob([octets]).stream().pipeThrough(new DecompressionStream("deflate"));
    unpacked.set(id, JSON.parse(await new Response(stream).text()));
  }
  return unpacked.get(id);
}

// Octets as a person reads them: what does not print is spelled out, a line ends where it ends.
function spelled(text) {
  const out = [];
  let run = "";
  const flush = () => { if (run) { out.push(run); run = ""; } };
  const mark = (words) => { flush(); out.push(el("span", { class: "esc" }, words)); };
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 13 && text.charCodeAt(i + 1) === 10) { mark("␍␊"); run += "\n"; i += 1; }
    else if (code === 10) { mark("␊"); run += "\n"; }
    else if (code === 13) mark("␍");
    else if (code === 9) mark("␉");
    else if (code < 32 || code > 126) mark(`\\x${code.toString(16).padStart(2, "0")}`);
    else run += text[i];
  }
  flush();
  return out;
}

function octets(item) {
  if (item.gone !== undefined) return el("span", { class: "gone" }, `${item.gone} octets, not kept`);
  const parts = spelled(item.text || "");
  if (item.cut) {
    parts.push(el("span", { class: "gone" }, ` … ${item.cut} octets left out … `), spelled(item.tail || ""));
  }
  return parts;
}

function exchangeName(item) {
  if (item.x === undefined || item.x === null) return "";
  return `exchange #${item.x}${item.name ? ` (${item.name})` : ""}`;
}

function sentStep(item) {
  const facts = [el("span", { class: "mono" }, `at ${milliseconds(item.t)}`), exchangeName(item)];
  if (item.times) facts.push(`${item.times} times, until ${milliseconds(item.until)}`);
  if (item.pieces) facts.push(`piece ${item.piece} of ${item.pieces}`);
  if (item.alone && item.alone !== "n/a") facts.push(`read alone: ${item.alone}`);
  facts.push(`${item.len} octets`);
  if (item.line) facts.push(`line ${item.line} of the scenario`);
  if (item.late !== undefined && Math.abs(item.late) >= 5) facts.push(`left ${milliseconds(item.late)} late`);
  const parts = item.parts.map((part) => {
    const label = `${DATA.byteClasses[part.class] || part.class || "octets"}${item.x === undefined || item.x === null ? "" : ` #${item.x}`}`;
    return el("div", { class: `part c-${part.class in DATA.byteClasses ? part.class : ""}` },
      el("div", { class: "label" }, label), el("div", { class: "text" }, octets(part)));
  });
  return el("div", { class: "step" },
    el("div", { class: "small" }, facts.filter(Boolean).map((fact) => el("span", {}, fact))),
    el("div", { class: "octets" }, parts));
}

function receivedStep(item) {
  return el("div", { class: "step" },
    el("div", { class: "small" }, el("span", { class: "mono" }, `at ${milliseconds(item.t)}`), el("span", {}, `${item.len} octets`)),
    el("div", { class: "octets" }, el("div", { class: "part c-" },
      el("div", { class: "label" }, "request"), el("div", { class: "text" }, octets(item)))));
}

function connections(groups, draw, none) {
  if (!groups.length) return el("p", {}, none);
  return groups.map((group) => [
    groups.length > 1 ? el("h4", {}, `Connection ${group.conn}`) : null,
    group.items.map(draw),
  ]);
}

function userView(view) {
  if (!view.user.length) return el("p", {}, "Nothing: no event reached the harness.");
  return view.user.map((request) => [
    el("h4", {}, request.request === "" ? "Plan" : `Request “${request.request}”`),
    el("ul", { class: "told" }, request.events.map((event) => el("li", {},
      el("span", { class: "time" }, milliseconds(event.t)),
      el("b", {}, event.event), ` ${event.text || ""}`,
      event.fields && event.fields.length ? el("details", {}, el("summary", {}, `${event.fields.length} fields`),
        el("pre", {}, event.fields.join("\n"))) : null,
      event.error ? el("dl", { class: "kv" }, Object.entries(event.error).map(([name, text]) =>
        [el("dt", {}, name), el("dd", { class: "mono" }, text)])) : null))),
    request.body ? bodyView(request, view) : null,
  ]);
}

function bodyView(request, view) {
  const body = request.body;
  const words = [`${body.len} octets delivered as content`];
  if (request.request === "main" && view.delivered.length) words.push(`: ${view.delivered.join(", ")}`);
  return el("div", { class: "step" },
    el("div", { class: "small" }, words.join("")),
    body.bad ? el("p", { class: "gone" }, "The adapter's base64 could not be read.") : null,
    body.len ? el("div", { class: "octets" }, el("div", { class: "part c-" },
      el("div", { class: "label" }, "delivered"), el("div", { class: "text" }, octets(body)))) : null);
}

// The picture: three lanes, time runs downwards, long pauses are shortened and named.
const LANES = { server: 150, client: 470, user: 690 };

function picture(items) {
  const rows = [];
  let y = 56;
  let before = null;
  for (const item of items) {
    const pause = before === null ? 0 : item.t - before;
    if (before !== null) {
      if (pause >= 20) { rows.push({ pause, y: y + 20 }); y += 40 + Math.min(16 * Math.log10(pause / 20), 40); }
      else y += 30;
    }
    rows.push({ item, y });
    before = item.until === undefined ? item.t : Math.max(item.until, item.t);
  }
  const height = y + 30;
  const title = items.map((item) => `${milliseconds(item.t)} ${item.from} to ${item.to}: ${item.text}`).join("; ");
  const root = svg("svg", { viewBox: `0 0 900 ${height}`, role: "img", "aria-label": `Timeline. ${title}` });
  for (const [name, words] of [["server", "Server"], ["client", "Client"], ["user", "Client's user"]]) {
    root.append(
      svg("line", { class: "lane", x1: LANES[name], x2: LANES[name], y1: 32, y2: height - 8 }),
      svg("text", { class: "lane-name", x: LANES[name], y: 20 }, words));
  }
  for (const row of rows) root.append(row.item ? arrow(row.item, row.y) : pauseMark(row));
  return root;
}

function pauseMark(row) {
  return svg("g", {},
    svg("line", { class: "pause-line", x1: 100, x2: 760, y1: row.y, y2: row.y }),
    svg("rect", { class: "halo", x: 276, y: row.y - 9, width: 80, height: 18 }),
    svg("text", { class: "pause", x: 316, y: row.y + 4, "text-anchor": "middle" }, milliseconds(row.pause)));
}

function label(x, y, width, text, tag) {
  const limit = Math.floor(width / 7);
  const short = text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
  const node = svg("text", { x, y: y - 6, "text-anchor": "middle" }, short, svg("title", {}, text));
  if (tag) node.prepend(svg("tspan", { class: "tag" }, `${tag} `));
  return node;
}

function arrow(item, y) {
  const [from, to] = [LANES[item.from], LANES[item.to]];
  const tag = item.request || (item.x !== undefined && item.x !== null ? `#${item.x}` : "");
  const group = svg("g", { class: `k-${item.kind}${item.final ? " is-final" : ""}` },
    svg("text", { class: "when", x: 92, y: y + 4 }, milliseconds(item.t)));
  if (item.from === item.to) {
    const x = Math.min(from + 10, 760);
    group.append(svg("circle", { class: "tip", cx: from, cy: y, r: 4 }), svg("text", { x, y: y + 4 }, item.text));
    return group;
  }
  const side = to > from ? 1 : -1;
  const [start, end] = [from + 5 * side, to - 5 * side];
  const span = Math.abs(end - start);
  group.append(
    svg("line", { class: "arrow", x1: start, x2: end - 6 * side, y1: y, y2: y }),
    svg("path", { class: "tip", d: `M${end} ${y} l${-10 * side} -5 v10 z` }));
  const wide = item.to === "user" || item.from === "user";
  if (wide) {
    const text = svg("text", { x: LANES.user + 12, y: y + 4 }, item.text.length > 27 ? `${item.text.slice(0, 26)}…` : item.text, svg("title", {}, item.text));
    group.append(text, svg("text", { class: "tag", x: (from + to) / 2, y: y - 6, "text-anchor": "middle" }, tag));
  } else {
    group.append(label((from + to) / 2, y, span, item.text, tag));
  }
  return group;
}

// Panels -------------------------------------------------------------------------------------

function requirements(ids) {
  return ids.map((id) => {
    const known = DATA.requirements[id];
    if (!known) return el("p", {}, id);
    const name = known.link ? el("a", { href: known.link, rel: "noreferrer noopener" }, known.name) : known.name;
    return el("blockquote", {}, el("b", {}, name), ` ${known.level}, binds the ${known.binds}: `, known.text);
  });
}

function question(id) {
  const scenario = DATA.scenarios[id];
  return [
    el("h3", {}, "The question"),
    el("p", {}, el("b", {}, scenario.title), el("span", { class: "small" }, ` Family ${scenario.family}, class ${scenario.class}: ${DATA.classes[scenario.class]}`)),
    scenario.why ? el("p", {}, scenario.why) : null,
    scenario.dispute ? el("p", {}, el("b", {}, "What may be said against the grade: "), scenario.dispute) : null,
    scenario.requirements.length ? requirements(scenario.requirements)
      : el("p", { class: "small" }, "No requirement of an RFC is behind this question."),
  ];
}

function verdictView(cell) {
  return el("div", { class: "verdict" },
    el("div", {}, badge(cell.grade), " ", el("span", {}, cell.outcome ? `outcome ${cell.outcome}: ${DATA.outcomes[cell.outcome] || ""}` : "no outcome")),
    el("p", { class: "sentence" }, cell.sentence),
    cell.connection ? el("p", {}, el("b", {}, `Connection ${cell.connection}. `), DATA.connections[cell.connection] || "") : null,
    cell.unstable ? el("p", {}, el("b", {}, "Unstable: "), "not the same in every repetition; the worse one is shown.") : null,
    cell.embargo ? el("p", {}, el("b", {}, cell.grade === "withheld" ? "Not published yet." : "Under embargo: do not publish.")) : null);
}

function pairs(rows) {
  return el("dl", { class: "kv" }, rows.map(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]));
}

function rulesView(view) {
  return [
    el("h3", {}, "Why this verdict"),
    el("ol", { class: "rules" }, view.reasons.map((reason) => el("li", {},
      el("b", {}, reason.rule), ` ${reason.words}`,
      reason.data ? el("span", { class: "small" }, ` ${reason.data}`) : null))),
    view.facts.length ? [el("h3", {}, "Facts"), pairs(view.facts)] : null,
    view.traits.length ? [el("h3", {}, "Traits"), pairs(view.traits)] : null,
    view.repeats.length ? [el("h3", {}, "Repetitions"), el("ul", {}, view.repeats.map((text) => el("li", {}, text)))] : null,
    view.baseline ? [el("h3", {}, "Against the baseline"), el("p", {}, view.baseline)] : null,
  ];
}

function reproduceView(view, scenario) {
  const commands = Object.entries(view.repro).map(([name, text]) => [
    el("p", { class: "small" }, { serve: "Start the server with this scenario:", by_hand: "Ask it by hand:" }[name] || `${name}:`),
    el("pre", { class: "command" }, text),
  ]);
  return [
    el("h3", {}, "Do it by hand"),
    commands.length ? commands : el("p", {}, "The results say nothing about it."),
    view.params ? el("p", {}, `Parameters: ${view.params}`) : null,
    el("details", {}, el("summary", {}, "The plan that the adapter was given"), el("pre", {}, view.plan || "none")),
    el("details", {}, el("summary", {}, "The scenario file"), el("pre", {}, DATA.scenarios[scenario].text || "none")),
  ];
}

function processView(view) {
  const process = view.process;
  const words = [`The adapter's process ${process.state}`];
  if (process.exit_code) words.push(`, exit status ${process.exit_code}`);
  if (process.signal) words.push(`, signal ${process.signal}`);
  return [
    el("h3", {}, "The process"),
    el("p", {}, `${words.join("")}.`),
    process.stdout_tail ? [el("p", { class: "small" }, "End of its standard output:"), el("pre", {}, process.stdout_tail)] : null,
    process.stderr_tail ? [el("p", { class: "small" }, "End of its standard error:"), el("pre", {}, process.stderr_tail)] : null,
    !process.stdout_tail && !process.stderr_tail ? el("p", { class: "small" }, "It printed nothing.") : null,
  ];
}

function evidenceView(view, scenario) {
  if (view.problem) return [rulesView(view), el("p", { class: "banner" }, view.problem)];
  return [
    el("h3", {}, "What happened, and when"),
    el("div", { class: "picture", tabindex: "0", role: "region", "aria-label": "Timeline" }, picture(view.timeline)),
    el("details", {}, el("summary", {}, "The same as a list"), el("ul", { class: "told" },
      view.timeline.map((item) => el("li", {}, el("span", { class: "time" }, milliseconds(item.t)),
        `${item.from === item.to ? item.from : `${item.from} → ${item.to}`}: ${item.text} ${item.request || exchangeName(item)}`)))),
    view.lost ? el("p", { class: "banner" }, `${view.lost} events of the transcript were dropped.`) : null,
    el("div", { class: "two" },
      el("div", {}, el("h3", {}, "What the server sent"), connections(view.sent, sentStep, "Nothing.")),
      el("div", {}, el("h3", {}, "What the client's user saw"), userView(view))),
    el("div", { class: "two" },
      el("div", {}, rulesView(view)),
      el("div", {}, el("h3", {}, "What the client sent"), connections(view.received, receivedStep, "Nothing reached the server."))),
    reproduceView(view, scenario),
    processView(view),
  ];
}

async function cellPanel(row, index) {
  const column = DATA.columns[index];
  const cell = cellOf(row, index);
  const parts = [el("h2", {}, el("a", { href: address(row.key) }, row.name), " in ", el("a", { href: `#/${encodeURIComponent(column.key)}` }, column.key))];
  if (!cell) return [...parts, el("p", {}, "This client was not run in this scenario."), question(column.scenario)];
  parts.push(verdictView(cell), question(column.scenario));
  if (cell.grade === "withheld") return parts;
  try {
    const view = (await unpack(row.block))[column.key];
    parts.push(view ? evidenceView(view, column.scenario) : el("p", {}, "There is no evidence for this cell."));
  } catch (error) {
    parts.push(el("p", { class: "banner" }, `The evidence cannot be shown: ${error.message}.`));
  }
  return parts;
}

function cellLine(row, index, name) {
  const cell = cellOf(row, index);
  return el("li", {}, badge(cell.grade), " ", el("a", { href: address(row.key, DATA.columns[index].key) }, name), ` ${cell.sentence}`);
}

function worstFirst(entries) {
  return entries.sort((a, b) => DATA.gradeOrder.indexOf(a.cell.grade) - DATA.gradeOrder.indexOf(b.cell.grade));
}

function clientPanel(row) {
  const entries = worstFirst(DATA.columns.map((column, index) => ({ column, index, cell: cellOf(row, index) })).filter((e) => e.cell));
  return [
    el("h2", {}, row.name),
    pairs([
      ["language", row.language], ["kind", row.kind],
      ["home page", row.homepage ? el("a", { href: row.homepage, rel: "noreferrer noopener" }, row.homepage) : ""],
      ["made of", row.stack.join(", ")], ["shows interim responses by", row.interim],
    ].filter(([, value]) => value)),
    row.notes ? el("p", {}, row.notes) : null,
    el("h3", {}, "Every scenario, worst first"),
    el("ul", { class: "cases" }, entries.map((e) => cellLine(row, e.index, e.column.key))),
  ];
}

function scenarioPanel(index) {
  const column = DATA.columns[index];
  const entries = worstFirst(DATA.rows.map((row) => ({ row, cell: cellOf(row, index) })).filter((e) => e.cell));
  return [
    el("h2", {}, column.key), question(column.scenario),
    el("h3", {}, "Every client, worst first"),
    el("ul", { class: "cases" }, entries.map((e) => cellLine(e.row, index, e.row.name))),
    el("details", {}, el("summary", {}, "The scenario file"), el("pre", {}, DATA.scenarios[column.scenario].text)),
  ];
}

// The dialog and its addresses ----------------------------------------------------------------

const dialog = document.getElementById("dialog");
const panel = document.getElementById("panel");
let shown = null;

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

async function route() {
  const hash = location.hash.slice(1);
  const slash = hash.indexOf("/");
  const rowKey = decoded(slash < 0 ? hash : hash.slice(0, slash));
  const columnKey = slash < 0 ? "" : decoded(hash.slice(slash + 1));
  const row = ROWS.get(rowKey);
  const index = COLUMNS.get(columnKey);
  if ((!row && rowKey) || (columnKey && index === undefined) || !hash || (!row && index === undefined)) {
    if (dialog.open) dialog.close();
    return;
  }
  shown = { row, index };
  const parts = row && index !== undefined ? await cellPanel(row, index) : row ? clientPanel(row) : scenarioPanel(index);
  if (shown.row !== row || shown.index !== index) return; // somebody was faster
  document.getElementById("where").textContent = row ? (index === undefined ? row.name : `${row.name} · ${columnKey}`) : columnKey;
  for (const id of ["previous", "next"]) document.getElementById(id).hidden = !row || index === undefined;
  panel.replaceChildren();
  add(panel, parts);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function neighbour(step) {
  if (!shown || !shown.row || shown.index === undefined) return;
  for (let i = shown.index + step; i >= 0 && i < DATA.columns.length; i += step) {
    if (shown.row.cells[i]) { location.hash = address(shown.row.key, DATA.columns[i].key); return; }
  }
}

document.getElementById("close").addEventListener("click", () => dialog.close());
document.getElementById("previous").addEventListener("click", () => neighbour(-1));
document.getElementById("next").addEventListener("click", () => neighbour(1));
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, pre, .picture")) return;
  if (event.key === "ArrowLeft") neighbour(-1);
  else if (event.key === "ArrowRight") neighbour(1);
});
dialog.addEventListener("close", () => {
  const last = shown;
  shown = null;
  if (location.hash.length > 1) {
    const scroll = [scrollX, scrollY];
    try { history.replaceState(null, "", "#"); } catch { location.hash = ""; }
    scrollTo(...scroll);
  }
  if (last && last.row && last.index !== undefined) {
    const cell = cellLink(ROWS_IN_TABLE.get(last.row.key), last.index);
    if (cell) focusCell(cell, false);
  }
});
addEventListener("hashchange", route);

// The matrix: keys, tips, filters --------------------------------------------------------------

const TABLE = document.querySelector("table");
const TABLE_ROWS = [...TABLE.querySelectorAll("tr[data-row]")];
const ROWS_IN_TABLE = new Map(TABLE_ROWS.map((tr) => [tr.dataset.row, tr]));
const LINKS = [...TABLE.querySelectorAll("td a")];
let current = LINKS[0] || null;
for (const link of LINKS) if (link !== current) link.tabIndex = -1;

function cellLink(tr, index) {
  return tr && tr.cells[index + 1] ? tr.cells[index + 1].querySelector("a") : null;
}

function focusCell(link, scroll = true) {
  if (current) current.tabIndex = -1;
  current = link;
  link.tabIndex = 0;
  link.focus({ preventScroll: !scroll });
}

function seen(link) {
  return link && !link.parentNode.hidden && !link.closest("tr").hidden;
}

TABLE.addEventListener("keydown", (event) => {
  const link = event.target.closest("td a");
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!link || !step || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  let row = TABLE_ROWS.indexOf(link.closest("tr"));
  let column = link.parentNode.cellIndex - 1;
  for (;;) {
    row += step[0];
    column += step[1];
    if (row < 0 || row >= TABLE_ROWS.length || column < 0 || column >= DATA.columns.length) return;
    const next = cellLink(TABLE_ROWS[row], column);
    if (seen(next)) { focusCell(next); return; }
  }
});

const tip = document.getElementById("tip");

function showTip(link) {
  const tr = link.closest("tr");
  const row = ROWS.get(tr.dataset.row);
  const index = link.parentNode.cellIndex - 1;
  const cell = cellOf(row, index);
  tip.replaceChildren();
  add(tip, [el("b", {}, `${row.name} · ${DATA.columns[index].key}`), el("br"), `${cell.grade}${cell.connection === "poisoned" ? ", poisoned" : ""}: ${cell.sentence}`]);
  tip.hidden = false;
  const box = link.getBoundingClientRect();
  const own = tip.getBoundingClientRect();
  const below = box.bottom + 6 + own.height < innerHeight;
  tip.style.left = `${Math.max(4, Math.min(box.left, innerWidth - own.width - 8))}px`;
  tip.style.top = `${below ? box.bottom + 6 : box.top - own.height - 6}px`;
}

for (const kind of ["mouseover", "focusin"]) {
  TABLE.addEventListener(kind, (event) => {
    const link = event.target.closest("td a");
    if (link) showTip(link);
  });
}
for (const kind of ["mouseout", "focusout"]) TABLE.addEventListener(kind, () => { tip.hidden = true; });
document.querySelector(".scroll").addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

const filters = document.getElementById("filters");
for (const control of filters.querySelectorAll(":disabled")) control.disabled = false;

function filter() {
  const form = new FormData(filters);
  const grades = new Set(form.getAll("grade"));
  const words = (name) => String(form.get(name) || "").trim().toLowerCase();
  const [client, scenario, language, family] = ["client", "scenario", "language", "family"].map(words);
  const wantedRow = (row) => (!language || row.language.toLowerCase() === language)
    && (!client || `${row.name} ${row.key}`.toLowerCase().includes(client));
  const wantedColumn = (column) => {
    const known = DATA.scenarios[column.scenario];
    return (!family || known.family.toLowerCase() === family)
      && (!scenario || `${column.key} ${known.title}`.toLowerCase().includes(scenario));
  };
  const columns = DATA.columns.map(wantedColumn);
  const rows = DATA.rows.map(wantedRow);
  const matches = (row, index) => row.cells[index] && (!grades.size || grades.has(DATA.gradeOrder[row.cells[index][0]]));
  const anyInColumn = DATA.columns.map(() => false);
  const rowOn = DATA.rows.map((row, r) => {
    if (!rows[r]) return false;
    let any = false;
    columns.forEach((on, c) => { if (on && matches(row, c)) { any = true; anyInColumn[c] = true; } });
    return any;
  });
  const columnOn = columns.map((on, c) => on && (anyInColumn[c] || !grades.size));
  apply(rowOn, columnOn, grades, matches);
}

function apply(rowOn, columnOn, grades, matches) {
  let cells = 0;
  TABLE_ROWS.forEach((tr, r) => {
    tr.hidden = !rowOn[r];
    if (!rowOn[r]) return;
    columnOn.forEach((on, c) => {
      const td = tr.cells[c + 1];
      const match = Boolean(matches(DATA.rows[r], c));
      td.hidden = !on;
      td.classList.toggle("dim", grades.size > 0 && !match);
      if (on && match) cells += 1;
    });
  });
  for (const body of TABLE.tBodies) body.rows[0].hidden = ![...body.rows].slice(1).some((tr) => !tr.hidden);
  const names = TABLE.tHead.rows[1].cells;
  const perFamily = new Map();
  DATA.columns.forEach((column, c) => {
    names[c].hidden = !columnOn[c];
    const family = DATA.scenarios[column.scenario].family;
    perFamily.set(family, (perFamily.get(family) || 0) + (columnOn[c] ? 1 : 0));
  });
  for (const th of TABLE.tHead.rows[0].querySelectorAll("[data-family]")) {
    const count = perFamily.get(th.dataset.family) || 0;
    th.hidden = count === 0;
    if (count) th.colSpan = count;
  }
  const count = (list) => list.filter(Boolean).length;
  document.getElementById("shown").textContent =
    `Shown: ${count(rowOn)} of ${rowOn.length} clients, ${count(columnOn)} of ${columnOn.length} scenarios, ${cells} cells.`;
  if (current && !seen(current)) {
    const next = LINKS.find(seen);
    if (next) { current.tabIndex = -1; current = next; next.tabIndex = 0; }
  }
}

filters.addEventListener("input", filter);
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("reset", () => setTimeout(filter, 0));
filter();
route();

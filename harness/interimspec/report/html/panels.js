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

const REPRODUCE = {
  serve: "Start the server with this scenario:",
  by_hand: "Ask it by hand (the port is the one it prints):",
  again: "Run this case again:",
};

function reproduceView(view, scenario) {
  const commands = Object.entries(view.repro).map(([name, text]) => [
    el("p", { class: "small" }, REPRODUCE[name] || `${name}:`),
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
    parts.push(view ? evidenceView(view, column.scenario) : el("p", {}, "The evidence of this cell is not in this page. To see it: ", el("code", {}, `interimspec explain '${row.key}' ${column.scenario}`)));
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
    const cell = cellLink(last.index, DATA.rows.indexOf(last.row));
    if (seen(cell)) focusCell(cell, false);
  }
});
addEventListener("hashchange", route);

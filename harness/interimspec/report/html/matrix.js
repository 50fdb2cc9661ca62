// The matrix: keys, tips, families, filters ----------------------------------------------------

const TABLE = document.querySelector("table");
const TABLE_ROWS = [...TABLE.querySelectorAll("tr[data-column]")];
const HEADS = TABLE.tHead.rows[1].cells;
const FEW_SCENARIOS = 60; // more start with their families closed: an overview first
let current = null;
for (const link of TABLE.querySelectorAll("tr[data-column] td a")) {
  if (current) link.tabIndex = -1;
  else current = link;
}

// A large page brings only the names of its scenarios; the cells are made when they are looked at.
function fill(tr) {
  if (tr.cells.length > 1) return;
  const index = COLUMNS.get(tr.dataset.column);
  tr.append(...DATA.rows.map((row, r) => {
    const cell = cellOf(row, index);
    const first = HEADS[r].classList.contains("first") ? " first" : "";
    if (!cell) return el("td", { class: `none${first}` });
    const bad = ["poisoned", "broken"].includes(cell.connection) ? cell.connection : "";
    const link = el("a", {
      href: address(row.key, tr.dataset.column), tabindex: "-1",
      "aria-label": [cell.grade, bad, cell.unstable ? "unstable" : ""].filter(Boolean).join(", "),
    }, DATA.grades[cell.grade].sign);
    return el("td", { class: `g-${cell.grade} ${bad}${cell.unstable ? " unstable" : ""}${first}` }, link);
  }));
}

function firstSeen() {
  for (const tr of TABLE_ROWS) {
    if (tr.hidden) continue;
    for (const td of tr.cells) {
      const link = td.querySelector("td > a");
      if (seen(link)) return link;
    }
  }
  return null;
}

function cellLink(scenario, client) {
  const td = TABLE_ROWS[scenario] && TABLE_ROWS[scenario].cells[client + 1];
  return td ? td.querySelector("a") : null;
}

function focusCell(link, scroll = true) {
  if (current) current.tabIndex = -1;
  current = link;
  link.tabIndex = 0;
  link.focus({ preventScroll: !scroll });
}

function seen(link) {
  return Boolean(link) && !link.parentNode.hidden && !link.closest("tr").hidden;
}

TABLE.addEventListener("keydown", (event) => {
  const link = event.target.closest("td a");
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!link || !step || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  let scenario = TABLE_ROWS.indexOf(link.closest("tr"));
  let client = link.parentNode.cellIndex - 1;
  for (;;) {
    scenario += step[0];
    client += step[1];
    if (scenario < 0 || scenario >= TABLE_ROWS.length || client < 0 || client >= DATA.rows.length) return;
    const next = cellLink(scenario, client);
    if (seen(next)) { focusCell(next); return; }
  }
});

const tip = document.getElementById("tip");

function showTip(link) {
  const row = DATA.rows[link.parentNode.cellIndex - 1];
  const index = COLUMNS.get(link.closest("tr").dataset.column);
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
    const link = event.target.closest("tr[data-column] td a");
    if (link) showTip(link);
  });
}
for (const kind of ["mouseout", "focusout"]) TABLE.addEventListener(kind, () => { tip.hidden = true; });
document.querySelector(".scroll").addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

const filters = document.getElementById("filters");
for (const control of document.querySelectorAll("#filters :disabled, table button:disabled")) control.disabled = false;

const closed = new Set();
if (DATA.columns.length > FEW_SCENARIOS) for (const body of TABLE.tBodies) closed.add(body.dataset.family);

TABLE.addEventListener("click", (event) => {
  const button = event.target.closest("tr.family button");
  if (!button) return;
  const { family } = button.closest("tbody").dataset;
  if (!closed.delete(family)) closed.add(family);
  filter();
});

document.getElementById("open-all").addEventListener("click", () => { closed.clear(); filter(); });
document.getElementById("close-all").addEventListener("click", () => {
  for (const body of TABLE.tBodies) closed.add(body.dataset.family);
  filter();
});

function filter() {
  const form = new FormData(filters);
  const grades = new Set(form.getAll("grade"));
  const words = (name) => String(form.get(name) || "").trim().toLowerCase();
  const [client, scenario, language, family, transport] = ["client", "scenario", "language", "family", "transport"].map(words);
  // Who asks for a client by name wants all of its versions.
  const older = form.has("older") || Boolean(client);
  const clients = DATA.rows.map((row) => (older || row.newest)
    && (!language || row.language.toLowerCase() === language)
    && (!client || `${row.name} ${row.key}`.toLowerCase().includes(client)));
  const scenarios = DATA.columns.map((column) => {
    const known = DATA.scenarios[column.scenario];
    return (!family || known.family.toLowerCase() === family)
      && (!transport || column.transport === transport)
      && (!scenario || `${column.key} ${known.title}`.toLowerCase().includes(scenario));
  });
  const matches = (row, index) => Boolean(row.cells[index])
    && (!grades.size || grades.has(DATA.gradeOrder[row.cells[index][0]]));
  const clientHit = clients.map(() => false);
  const scenarioHit = scenarios.map(() => false);
  DATA.rows.forEach((row, r) => scenarios.forEach((on, c) => {
    if (on && clients[r] && matches(row, c)) { clientHit[r] = true; scenarioHit[c] = true; }
  }));
  const narrowed = grades.size > 0;
  apply(
    clients.map((on, r) => on && (clientHit[r] || !narrowed)),
    scenarios.map((on, c) => on && (scenarioHit[c] || !narrowed)),
    narrowed ? matches : null,
    narrowed || Boolean(scenario) || Boolean(family),
  );
}

function apply(clientOn, scenarioOn, matches, opened) {
  let cells = 0;
  TABLE_ROWS.forEach((tr, c) => {
    const body = tr.parentNode;
    tr.hidden = !scenarioOn[c] || (!opened && closed.has(body.dataset.family));
    if (!tr.hidden) fill(tr);
    clientOn.forEach((on, r) => {
      const match = !matches || matches(DATA.rows[r], c);
      if (on && scenarioOn[c] && match && DATA.rows[r].cells[c]) cells += 1;
      if (tr.hidden) return;
      tr.cells[r + 1].hidden = !on;
      tr.cells[r + 1].classList.toggle("dim", !match);
    });
  });
  for (const body of TABLE.tBodies) {
    const rows = [...body.rows];
    const any = rows.slice(1).some((tr) => scenarioOn[COLUMNS.get(tr.dataset.column)]);
    rows[0].hidden = !any;
    clientOn.forEach((on, r) => { rows[0].cells[r + 1].hidden = !on; });
    rows[0].querySelector("button").setAttribute("aria-expanded", String(opened || !closed.has(body.dataset.family)));
  }
  const perLanguage = new Map();
  DATA.rows.forEach((row, r) => {
    HEADS[r].hidden = !clientOn[r];
    perLanguage.set(row.language, (perLanguage.get(row.language) || 0) + (clientOn[r] ? 1 : 0));
  });
  for (const th of TABLE.tHead.rows[0].querySelectorAll("[data-language]")) {
    const count = perLanguage.get(th.dataset.language) || 0;
    th.hidden = count === 0;
    if (count) th.colSpan = count;
  }
  const count = (list) => list.filter(Boolean).length;
  document.getElementById("shown").textContent =
    `Shown: ${count(clientOn)} of ${clientOn.length} clients, ${count(scenarioOn)} of ${scenarioOn.length} scenarios, ${cells} cells.`;
  if (!seen(current)) {
    const next = firstSeen();
    if (next) { if (current) current.tabIndex = -1; current = next; next.tabIndex = 0; }
  }
}

filters.addEventListener("input", filter);
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("reset", () => setTimeout(filter, 0));
filter();
route();

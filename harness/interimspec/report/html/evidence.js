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
    if (code === 13 && text.charCodeAt(i + 1) === 10) { mark("\\r\\n"); run += "\n"; i += 1; }
    else if (code === 10) { mark("\\n"); run += "\n"; }
    else if (code === 13) mark("\\r");
    else if (code === 9) mark("\\t");
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
  if (item.pieces) facts.push(`piece ${item.piece + 1} of ${item.pieces}`);
  if (item.alone && item.alone !== "n/a") facts.push(`read alone: ${item.alone}`);
  facts.push(counted(item.len, "octet"));
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
    el("div", { class: "small" }, el("span", { class: "mono" }, `at ${milliseconds(item.t)}`), el("span", {}, counted(item.len, "octet"))),
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
      event.fields && event.fields.length ? el("details", {}, el("summary", {}, counted(event.fields.length, "field")),
        el("pre", {}, event.fields.join("\n"))) : null,
      event.error ? el("dl", { class: "kv" }, Object.entries(event.error).map(([name, text]) =>
        [el("dt", {}, name), el("dd", { class: "mono" }, text)])) : null))),
    request.body ? bodyView(request, view) : null,
  ]);
}

function bodyView(request, view) {
  const body = request.body;
  const words = [`${counted(body.len, "octet")} delivered as content`];
  if (request.request === "main" && view.delivered.length) words.push(`: ${view.delivered.join(", ")}`);
  return el("div", { class: "step" },
    el("div", { class: "small" }, words.join("")),
    body.bad ? el("p", { class: "gone" }, "The adapter's base64 could not be read.") : null,
    body.len ? el("div", { class: "octets" }, el("div", { class: "part c-" },
      el("div", { class: "label" }, body.same ? `delivered; sent as ${body.same}` : "delivered"),
      el("div", { class: "text" }, octets(body)))) : null);
}

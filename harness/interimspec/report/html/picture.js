// The picture: three lanes, time runs downwards, long pauses are shortened and named.
const WIDE = { server: 150, client: 470, user: 690, width: 900, when: 92, row: 30, beside: true };
const NARROW = { server: 70, client: 230, user: 352, width: 366, when: 58, row: 40, beside: false };

function picture(items) {
  const lanes = innerWidth < 704 ? NARROW : WIDE;
  const rows = [];
  let y = lanes.beside ? 56 : 64;
  let before = null;
  for (const item of items) {
    const pause = before === null ? 0 : item.t - before;
    if (before !== null) {
      if (pause >= 20) {
        const room = Math.min(14 * Math.log10(pause / 20), 40);
        rows.push({ pause, y: y + 20 + room / 2 });
        y += 26 + lanes.row + room;
      } else y += lanes.row;
    }
    rows.push({ item, y });
    before = item.until === undefined ? item.t : Math.max(item.until, item.t);
  }
  const height = y + 30;
  const title = items.map((item) => `${milliseconds(item.t)} ${item.from} to ${item.to}: ${item.text}`).join("; ");
  const root = svg("svg", { viewBox: `0 0 ${lanes.width} ${height}`, role: "img", "aria-label": `Timeline. ${title}` });
  for (const [name, words] of [["server", "Server"], ["client", "Client"], ["user", lanes.beside ? "Client's user" : "User"]]) {
    root.append(
      svg("line", { class: "lane", x1: lanes[name], x2: lanes[name], y1: 32, y2: height - 8 }),
      svg("text", { class: "lane-name", x: Math.min(lanes[name], lanes.width - 18), y: 20 }, words));
  }
  for (const row of rows) root.append(row.item ? arrow(row.item, row.y, lanes) : pauseMark(row, lanes));
  return root;
}

function pauseMark(row, lanes) {
  const middle = (lanes.server + lanes.client) / 2;
  return svg("g", {},
    svg("line", { class: "pause-line", x1: lanes.server - 50, x2: lanes.user + (lanes.beside ? 70 : 10), y1: row.y, y2: row.y }),
    svg("rect", { class: "halo", x: middle - 40, y: row.y - 9, width: 80, height: 18 }),
    svg("text", { class: "pause", x: middle, y: row.y + 4, "text-anchor": "middle" }, milliseconds(row.pause)));
}

function short(text, width) {
  const limit = Math.floor(width / 7.2);
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}

function label(x, y, anchor, width, text, tag) {
  const used = tag ? (tag.length + 1) * 7 : 0;
  return svg("text", { x, y, "text-anchor": anchor },
    tag ? svg("tspan", { class: "tag" }, `${tag} `) : null,
    short(text, width - used), svg("title", {}, text));
}

function arrow(item, y, lanes) {
  const [from, to] = [lanes[item.from], lanes[item.to]];
  const tag = item.request || (item.x !== undefined && item.x !== null ? `#${item.x}` : "");
  const group = svg("g", { class: `k-${item.kind}${item.final ? " is-final" : ""}${item.wrong ? " is-wrong" : ""}` },
    svg("text", { class: "when", x: lanes.when, y: y + 4 }, milliseconds(item.t)));
  const room = lanes.width - lanes.user - 14;
  if (item.from === item.to) {
    const atUser = item.from === "user";
    const words = atUser && !lanes.beside ? label(lanes.width - 2, y - 8, "end", 200, item.text)
      : label(from + 12, y + 4, "start", atUser ? room : lanes.client - lanes.server - 16, item.text);
    add(group, [svg("circle", { class: "tip", cx: from, cy: y, r: 4 }), words]);
    return group;
  }
  const side = to > from ? 1 : -1;
  const [start, end] = [from + 5 * side, to - 5 * side];
  group.append(
    svg("line", { class: "arrow", x1: start, x2: end - 6 * side, y1: y, y2: y }),
    svg("path", { class: "tip", d: `M${end} ${y} l${-10 * side} -5 v10 z` }));
  const middle = (from + to) / 2;
  if (item.to !== "user" && item.from !== "user") {
    group.append(label(middle, y - 6, "middle", Math.abs(end - start), item.text, tag));
  } else if (lanes.beside) {
    group.append(label(lanes.user + 12, y + 4, "start", room, item.text),
      svg("text", { class: "tag", x: middle, y: y - 6, "text-anchor": "middle" }, tag));
  } else {
    group.append(label(lanes.width - 2, y - 6, "end", 230, item.text, tag));
  }
  return group;
}

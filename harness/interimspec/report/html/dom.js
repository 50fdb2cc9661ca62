// SPDX-License-Identifier: MIT
// Lays out what the page already holds. Nothing is fetched, and nothing from outside ever becomes
// markup: every text goes in as a text node, which the page's Trusted Types policy enforces.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
// Cells that say the same are listed once.
for (const row of DATA.rows) row.cells = row.cells.map((kind) => DATA.kinds[kind]);
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

function counted(number, word) {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
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

"use strict";
// The page's pure functions, under node: `node --test reports/tests/page`.

const test = require("node:test");
const assert = require("node:assert/strict");
const core = require("../../src/page/core.js");

test("columns are sums of differences", () => {
  assert.deepEqual([...core.summed([5, 2, 0, -4])], [5, 7, 7, 3]);
});

test("texts are templates with numbers", () => {
  const templates = ["a \u0001 of \u0001", "plain"];
  const table = { text: [0, 1, 0], numbers: [1, 2, 3, 4] };
  table.start = core.starts(table.text, core.holes(templates));
  const texts = [0, 1, 2].map((row) => core.textOf(table, row, templates));
  assert.deepEqual(texts, ["a 1 of 2", "plain", "a 3 of 4"]);
});

test("the state at a time is the newest change", () => {
  const times = [10, 20, 20, 30];
  const expected = [
    [9, -1],
    [10, 0],
    [19, 0],
    [20, 2],
    [99, 3],
  ];
  for (const [t, at] of expected) assert.equal(core.stateAt(times, t), at, `at ${t}`);
});

test("times are read in seconds and smaller units", () => {
  const table = [
    ["6.574649", 6574649],
    ["6.5s", 6500000],
    ["12ms", 12000],
    ["7us", 7],
    ["", null],
    ["1m", null],
    ["-1", null],
  ];
  for (const [text, micros] of table) assert.equal(core.parseTime(text), micros, text);
  assert.equal(core.seconds(6574649), "6.574649s");
});

test("a link names the moment that it was made of", () => {
  const moment = { t: 1234000, node: 3, from: 1000000, to: 2000000 };
  assert.equal(core.formatLink(moment), "#t=1.234000s&node=3&from=1.000000s&to=2.000000s");
  assert.deepEqual(core.parseLink(core.formatLink(moment)), moment);
  assert.deepEqual(core.parseLink("#t=1.234s&node=3"), { t: 1234000, node: 3, from: null, to: null });
});

test("what a link names wrongly is not named", () => {
  const nothing = { t: null, node: null, from: null, to: null };
  for (const hash of ["", "#story", "#t=soon&node=x", "#from=2s&to=1s", "#__proto__=1", "#t", "#from=1s"]) {
    assert.deepEqual(core.parseLink(hash), nothing, hash);
  }
});

test("a window stays inside the run", () => {
  assert.deepEqual(core.clampWindow(-500, 500, 10000), { from: 0, to: 1000 });
  assert.deepEqual(core.clampWindow(9500, 10500, 10000), { from: 9000, to: 10000 });
  assert.deepEqual(core.clampWindow(0, 99999, 10000), { from: 0, to: 10000 });
  assert.deepEqual(core.clampWindow(50, 50, 10000), { from: 50, to: 150 });
  assert.deepEqual(core.clampWindow(0, 0, 0), { from: 0, to: 100 });
});

test("a moment after the end is the end, and that is said", () => {
  assert.deepEqual(core.momentIn(5, 10), { t: 5, said: "" });
  assert.deepEqual(core.momentIn(-5, 10), { t: 0, said: "" });
  const beyond = core.momentIn(99999e6, 12.5e6);
  assert.equal(beyond.t, 12.5e6);
  assert.match(beyond.said, /ends at 12.500000s: there is no 99999.000000s/);
});

test("zooming leaves its centre where it is", () => {
  const window = core.zoomed({ from: 1000, to: 3000 }, 0.5, 2500, 10000);
  assert.deepEqual(window, { from: 1750, to: 2750 });
  assert.equal((2500 - window.from) / (window.to - window.from), (2500 - 1000) / 2000);
});

test("ticks are round and inside", () => {
  const { step, all } = core.ticks(1030, 9800, 5);
  assert.equal(step, 2000);
  assert.deepEqual(all, [2000, 4000, 6000, 8000]);
  assert.equal(core.tickDigits(2000), 3);
  assert.equal(core.tickDigits(1e6), 0);
});

/** Three nodes: 0 to 1 at 10..20, 1 to 2 at 30..40, 2 to 0 at 50..60, and one from 0 to 2 that is lost. */
function messages() {
  const table = {
    sent: [10, 30, 50, 55],
    received: [20, 40, 60, -1],
    from: [0, 1, 2, 0],
    to: [1, 2, 0, 2],
    loud: [true, true, true, true],
  };
  table.order = core.byReceipt(table.received);
  return table;
}

test("causes are found through chains of messages", () => {
  const table = messages();
  assert.deepEqual([...core.causes(table, table.order, 3, 2, 45)], [10, 30, 45]);
  assert.deepEqual([...core.causes(table, table.order, 3, 2, 39)], [-1, -1, 39], "it had not arrived");
  const reach = core.causes(table, table.order, 3, 2, 45);
  assert.deepEqual(
    [0, 1, 2, 3].map((i) => core.isCause(table, i, reach)),
    [true, true, false, false],
  );
});

test("a finding opens with its last causes", () => {
  const table = messages();
  const reach = core.causes(table, table.order, 3, 2, 45);
  const window = core.openingWindow(table, table.order, reach, 45, 1e6, 90);
  assert.equal(window.from, 0);
  assert.ok(window.to > 45 && window.to < 1e5, JSON.stringify(window));
});

test("a search asks for words, nodes and times", () => {
  const query = core.parseQuery("Truncated node:2 -heartbeat after:1s before:2s");
  assert.deepEqual(query, { words: ["truncated"], not: ["heartbeat"], nodes: [2], after: 1e6, before: 2e6 });
  const table = [
    [1.5e6, [2], "orders-0: truncated log", true],
    [1.5e6, [3], "orders-0: truncated log", false],
    [0.5e6, [2], "orders-0: truncated log", false],
    [2.5e6, [2], "orders-0: truncated log", false],
    [1.5e6, [1, 2], "truncated heartbeat", false],
    [1.5e6, [2], "appended", false],
  ];
  for (const [t, nodes, text, found] of table)
    assert.equal(core.matches(query, t, nodes, text), found, text + t + nodes);
});

test("only rows that are seen are made", () => {
  assert.deepEqual(core.visibleRows(0, 100, 20, 1000), { first: 0, last: 10 });
  assert.deepEqual(core.visibleRows(2000, 100, 20, 1000), { first: 95, last: 110 });
  assert.deepEqual(core.visibleRows(0, 100, 20, 3), { first: 0, last: 3 });
});

test("evidence begins with its time", () => {
  assert.deepEqual(core.leadingTime("6.552444s node 1 was elected"), {
    t: 6552444,
    rest: "node 1 was elected",
  });
  assert.equal(core.leadingTime("committed up to 426"), null);
});

test("a histogram counts every time once", () => {
  assert.deepEqual([...core.histogram([0, 1, 5, 10], 10, 2)], [2, 2]);
});

test("a point has a distance from a line and from its ends", () => {
  const table = [
    [5, 3, 3],
    [0, 0, 0],
    [13, 4, 5],
    [-3, -4, 5],
  ];
  for (const [x, y, far] of table) assert.equal(core.distance(x, y, 0, 0, 10, 0), far, `${x}, ${y}`);
  assert.equal(core.distance(3, 4, 0, 0, 0, 0), 5, "a line of no length");
});

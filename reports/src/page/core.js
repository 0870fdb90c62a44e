"use strict";
// Pure functions: columns into arrays, texts from templates, times, links, filters, what is in view, what could have
// led where. No document, no clock: node runs their tests.

/** Sums of differences. */
function summed(differences) {
  const sums = new Float64Array(differences.length);
  let last = 0;
  for (let i = 0; i < sums.length; i += 1) {
    last += differences[i];
    sums[i] = last;
  }
  return sums;
}

/** How many numbers each template takes. */
function holes(templates) {
  return templates.map((template) => template.split("\u0001").length - 1);
}

/** Where the numbers of each row begin. */
function starts(text, holeCounts) {
  const all = new Uint32Array(text.length);
  let next = 0;
  for (let i = 0; i < text.length; i += 1) {
    all[i] = next;
    next += holeCounts[text[i]];
  }
  return all;
}

/** The text of a row of a table that has `text`, `numbers` and `start`. */
function textOf(table, row, templates) {
  const parts = templates[table.text[row]].split("\u0001");
  let text = parts[0];
  for (let i = 1; i < parts.length; i += 1) {
    text += table.numbers[table.start[row] + i - 1] + parts[i];
  }
  return text;
}

/** The first position of an ascending column whose value is at least this. */
function lowerBound(column, value) {
  let [low, high] = [0, column.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (column[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The position of the newest change at or before a time; -1 if there is none. */
function stateAt(times, t) {
  return lowerBound(times, t + 1) - 1;
}

/** Microseconds as people read them. */
function seconds(micros, digits = 6) {
  return (micros / 1e6).toFixed(digits) + "s";
}

/** Microseconds of a time such as `6.574649`, `6.57s`, `1234ms`; null if it is none. */
function parseTime(text) {
  const found = /^\s*(\d+(?:\.\d+)?)\s*(us|ms|s)?\s*$/.exec(text);
  if (!found) return null;
  const unit = { us: 1, ms: 1e3, s: 1e6 }[found[2] || "s"];
  return Math.round(Number(found[1]) * unit);
}

/** A moment as the end of an address: `#t=6.574649s&node=2&from=6s&to=7s`. */
function formatLink(moment) {
  const parts = ["t=" + seconds(moment.t)];
  if (moment.node !== null && moment.node !== undefined) parts.push("node=" + moment.node);
  if (moment.from !== undefined) parts.push("from=" + seconds(moment.from), "to=" + seconds(moment.to));
  return "#" + parts.join("&");
}

/** The moment that an address names; what it does not name, or names wrongly, is null. */
function parseLink(hash) {
  const moment = { t: null, node: null, from: null, to: null };
  for (const part of hash.replace(/^#/, "").split("&")) {
    const [name, value] = part.split("=");
    if (value === undefined) continue;
    if (name === "node") moment.node = /^\d+$/.test(value) ? Number(value) : null;
    else if (name in moment) moment[name] = parseTime(value);
  }
  if (moment.from === null || moment.to === null || moment.from >= moment.to) moment.from = moment.to = null;
  return moment;
}

/** A moment inside the run, and what is to be said of one that was not. */
function momentIn(t, end) {
  if (t <= end) return { t: Math.max(t, 0), said: "" };
  return { t: end, said: `the run ends at ${seconds(end)}: there is no ${seconds(t)}` };
}

/** A window that stays inside the run and is not smaller than a tenth of a millisecond. */
function clampWindow(from, to, end) {
  const width = Math.min(Math.max(to - from, 100), Math.max(end, 100));
  const start = Math.min(Math.max(from, 0), Math.max(end, 100) - width);
  return { from: start, to: start + width };
}

/** The window made larger or smaller around a time that stays where it is. */
function zoomed(window, factor, around, end) {
  const at = Math.min(Math.max(around, window.from), window.to);
  return clampWindow(at - (at - window.from) * factor, at + (window.to - at) * factor, end);
}

/** Where ticks stand: about so many, at round times. */
function ticks(from, to, most) {
  const rough = Math.max((to - from) / Math.max(most, 1), 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const all = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) all.push(at);
  return { step, all };
}

/** Digits that tell ticks apart. */
function tickDigits(step) {
  return Math.max(0, Math.min(6, 6 - Math.floor(Math.log10(step))));
}

/**
 * What could have led to a moment: of each node the latest time from which a chain of messages reaches it; -1 if none
 * does. Messages are walked from the last received to the first.
 */
function causes(messages, order, nodeCount, node, t) {
  const reach = new Float64Array(nodeCount).fill(-1);
  reach[node] = t;
  for (const i of order) {
    const [to, from] = [messages.to[i], messages.from[i]];
    if (to >= 0 && messages.received[i] <= reach[to] && messages.sent[i] > reach[from]) {
      reach[from] = messages.sent[i];
    }
  }
  return reach;
}

/** Positions of received messages, the last received first. */
function byReceipt(received) {
  const all = [];
  for (let i = 0; i < received.length; i += 1) if (received[i] >= 0) all.push(i);
  return all.sort((a, b) => received[b] - received[a] || b - a);
}

/** Whether a message is part of what could have led to the moment. */
function isCause(messages, i, reach) {
  const to = messages.to[i];
  return to >= 0 && messages.received[i] >= 0 && messages.received[i] <= reach[to];
}

/**
 * The window that a finding opens with: the last so many messages that could have led to it, and a little after.
 */
function openingWindow(messages, order, reach, t, end, most) {
  let [count, from] = [0, t];
  for (const i of order) {
    if (!isCause(messages, i, reach)) continue;
    from = Math.min(from, messages.sent[i]);
    count += 1;
    if (count >= most) break;
  }
  const width = Math.max(t - from, 2e4);
  return clampWindow(t - width, t + width * 0.15, end);
}

/** A search: words that must be there, words with `-` that must not, `node:2`, `after:1.5s`, `before:2s`. */
function parseQuery(text) {
  const query = { words: [], not: [], nodes: [], after: null, before: null };
  for (const word of text.toLowerCase().split(/\s+/).filter(Boolean)) {
    const node = /^node:(\d+)$/.exec(word);
    const time = /^(after|before):(.+)$/.exec(word);
    if (node) query.nodes.push(Number(node[1]));
    else if (time) query[time[1]] = parseTime(time[2]);
    else if (word.length > 1 && word.startsWith("-")) query.not.push(word.slice(1));
    else query.words.push(word);
  }
  return query;
}

/** Whether something at a time, at nodes, with a text in small letters, is what a search asks for. */
function matches(query, t, nodes, text) {
  if (query.nodes.length && !query.nodes.some((node) => nodes.includes(node))) return false;
  if (query.after !== null && t < query.after) return false;
  if (query.before !== null && t > query.before) return false;
  return query.words.every((word) => text.includes(word)) && !query.not.some((word) => text.includes(word));
}

/** Which rows of a list of equal heights are seen, with a few more on both sides. */
function visibleRows(scrollTop, height, rowHeight, count) {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - 5);
  return { first, last: Math.min(count, Math.ceil((scrollTop + height) / rowHeight) + 5) };
}

/** How many of a column's times fall into each of so many equal parts of the run. */
function histogram(times, end, parts) {
  const counts = new Float64Array(parts);
  for (const t of times) counts[Math.min(parts - 1, Math.floor((t / Math.max(end, 1)) * parts))] += 1;
  return counts;
}

/** How far a point is from a line between two points. */
function distance(x, y, x1, y1, x2, y2) {
  const length = (x2 - x1) ** 2 + (y2 - y1) ** 2;
  const along = length === 0 ? 0 : ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length;
  const at = Math.min(Math.max(along, 0), 1);
  return Math.hypot(x - x1 - at * (x2 - x1), y - y1 - at * (y2 - y1));
}

/** The number of the colour of an epoch. */
function epochColour(epoch) {
  return epoch < 0 ? null : epoch % 8;
}

/** Parts of a line of evidence: the time that it begins with, in microseconds, and the rest. */
function leadingTime(line) {
  const found = /^(\d+\.\d+)s (.*)$/s.exec(line);
  return found ? { t: parseTime(found[1]), rest: found[2] } : null;
}

/** The tables of a page's data, ready to be looked up in. */
function decode(data) {
  const counts = holes(data.texts);
  const table = (raw) => ({ ...raw, start: starts(raw.text, counts) });
  const rows = table(data.rows);
  rows.t = summed(data.rows.t);
  rows.event = summed(data.rows.event);
  const operations = table(data.operations);
  operations.t = summed(data.operations.t);
  const partitions = data.partitions.map((raw) => ({
    ...raw,
    t: summed(raw.t),
    committed: { t: summed(raw.committed.t), end: summed(raw.committed.end) },
  }));
  const replicas = data.replicas.map((raw) => ({
    ...raw,
    t: summed(raw.t),
    end: summed(raw.end),
    high: summed(raw.high),
    epoch: summed(raw.epoch),
  }));
  const voters = data.voters.map((raw) => ({ ...raw, t: summed(raw.t), epoch: summed(raw.epoch) }));
  const processes = data.processes.map((raw) => ({ ...raw, t: summed(raw.t) }));
  const messages = decodeMessages(table(data.messages), data.texts);
  return { ...data, rows, operations, partitions, replicas, voters, processes, messages };
}

/** Messages with their times, and whether they are loud: heartbeats and the quorum's fetches are not. */
function decodeMessages(messages, templates) {
  messages.sent = summed(messages.sent);
  messages.received = new Float64Array(messages.sent.length);
  messages.longest = 0;
  for (let i = 0; i < messages.sent.length; i += 1) {
    messages.received[i] = messages.took[i] < 0 ? -1 : messages.sent[i] + messages.took[i];
    messages.longest = Math.max(messages.longest, messages.took[i]);
  }
  const quiet = templates.map((template) => /^(quorum fetch|heartbeat)/.test(template));
  messages.loud = messages.text.map((text) => !quiet[text]);
  messages.order = byReceipt(messages.received);
  return messages;
}

if (typeof module !== "undefined") {
  module.exports = {
    summed,
    holes,
    starts,
    textOf,
    lowerBound,
    stateAt,
    seconds,
    parseTime,
    formatLink,
    parseLink,
    clampWindow,
  momentIn,
    zoomed,
    ticks,
    tickDigits,
    causes,
    byReceipt,
    isCause,
    openingWindow,
    parseQuery,
    matches,
    visibleRows,
    histogram,
    distance,
    epochColour,
    leadingTime,
    decode,
  };
}

// Draws what is in view on canvases. Everything is found by binary search in columns that are in order of time; where
// more than a pixel can show falls together, one of it is drawn.

const LANE = 34;
const TOP = 20;

/** A canvas made sharp for the screen, and its drawing context with sizes in CSS pixels. */
function brush(canvas, height) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth || 600;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = height + "px";
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "12px system-ui, 'Segoe UI', 'Liberation Sans', sans-serif";
  context.textBaseline = "middle";
  return { context, width, height };
}

/** The page's colours as they are now, light or dark. */
function palette() {
  const style = getComputedStyle(document.documentElement);
  const names = [
    "ink",
    "dim",
    "line",
    "accent",
    "good",
    "bad",
    "doubt",
    "fault",
    "cone",
    "thread",
    "message",
    "down",
    "panel",
  ];
  const colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue("--" + name).trim()]));
  colours.epochs = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => style.getPropertyValue("--e" + n).trim());
  return colours;
}

/** From times to pixels and back, right of the names. */
function axis(view, width, left) {
  const span = view.to - view.from;
  const room = Math.max(width - left - 8, 1);
  return {
    left,
    right: left + room,
    x: (t) => left + ((t - view.from) / span) * room,
    t: (x) => view.from + ((x - left) / room) * span,
  };
}

/** How much room names take. */
function gutter(width) {
  return width < 560 ? 98 : 132;
}

function drawTicks(context, view, scale, colours, height) {
  const { step, all } = ticks(view.from, view.to, (scale.right - scale.left) / 95);
  context.strokeStyle = colours.line;
  context.fillStyle = colours.dim;
  context.lineWidth = 1;
  context.textAlign = "center";
  for (const at of all) {
    const x = Math.round(scale.x(at)) + 0.5;
    context.beginPath();
    context.moveTo(x, TOP - 4);
    context.lineTo(x, height);
    context.stroke();
    const label = seconds(at, tickDigits(step));
    const half = context.measureText(label).width / 2;
    if (x - half > scale.left - 4 && x + half < scale.right + 8) context.fillText(label, x, 9);
  }
}

function drawCursor(context, t, scale, colours, height) {
  const x = scale.x(t);
  if (x < scale.left || x > scale.right) return;
  context.strokeStyle = colours.accent;
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x, TOP - 6);
  context.lineTo(x, height);
  context.stroke();
}

function name(context, text, y, colours, chosen, left) {
  context.textAlign = "left";
  context.fillStyle = chosen ? colours.accent : colours.ink;
  let shown = text;
  while (shown.length > 2 && context.measureText(shown).width > left - 10) shown = shown.slice(0, -2) + "…";
  context.fillText(shown, 5, y);
}

/** The space-time diagram. */
function drawLanes(canvas, model, view) {
  const height = TOP + model.nodes.length * LANE + 6;
  const { context, width } = brush(canvas, height);
  const colours = palette();
  const scale = axis(view, width, gutter(width));
  const y = (position) => TOP + position * LANE + LANE / 2;
  const stage = { context, colours, scale, y, height, width };
  drawTicks(context, view, scale, colours, height);
  context.save();
  context.beginPath();
  context.rect(scale.left, 0, scale.right - scale.left, height);
  context.clip();
  drawFaults(stage, model, view);
  model.nodes.forEach((node, position) => drawLane(stage, model, view, position));
  drawMessages(stage, model, view);
  if (view.layers.facts) drawFacts(stage, model, view);
  if (view.layers.thread) drawThread(stage, model, view);
  drawFinding(stage, model, view);
  drawCursor(context, view.t, scale, colours, height);
  context.restore();
  model.nodes.forEach((node, position) =>
    name(context, node.name, y(position), colours, position === view.node, scale.left),
  );
}

/** Faults as bands over the lanes of their nodes, or over all if they name none. */
function drawFaults({ context, colours, scale, y, height }, model, view) {
  context.fillStyle = colours.fault;
  const labelled = new Map();
  for (const fault of model.faults) {
    if (fault.held_back && !fault.nodes.length) continue;
    if (fault.until < view.from || fault.at > view.to) continue;
    const [x, end] = [scale.x(fault.at), scale.x(fault.until)];
    const breadth = Math.max(end - x, 2);
    context.globalAlpha = 0.2;
    const positions = fault.nodes.map((id) => model.position.get(id)).filter((at) => at !== undefined);
    for (const position of positions) context.fillRect(x, y(position) - LANE / 2 + 1, breadth, LANE - 2);
    if (!positions.length) context.fillRect(x, TOP, breadth, height - TOP);
    context.globalAlpha = 1;
    const [start, lane] = [Math.max(x, scale.left) + 3, positions[0] ?? -1];
    if (breadth < 40 || start < (labelled.get(lane) ?? 0)) continue;
    labelled.set(lane, start + context.measureText(fault.kind).width + 6);
    context.textAlign = "left";
    context.fillText(fault.kind, start, lane < 0 ? TOP + 5 : y(lane) - LANE / 2 + 7);
  }
  const heal = scale.x(model.heal);
  context.strokeStyle = colours.good;
  context.setLineDash([4, 4]);
  context.beginPath();
  context.moveTo(heal, TOP);
  context.lineTo(heal, height);
  context.stroke();
  context.setLineDash([]);
}

/** A node's line: thick, in the epoch's colour, while it leads; thin while it runs; broken while it is down. */
function drawLane(stage, model, view, position) {
  const { context, colours, scale, y } = stage;
  const at = y(position);
  spans(model.processOf[position], view, model.end, (from, to, i, process) => {
    const up = process.state[i] === 1;
    context.strokeStyle = up ? colours.dim : colours.bad;
    context.lineWidth = 1;
    context.setLineDash(up ? [] : [2, 4]);
    line(context, scale.x(from), at, scale.x(to), at);
    context.setLineDash([]);
    if (!up && from > view.from) cross(context, scale.x(from), at, colours.bad);
  });
  const replica = model.replicaOf(position, view.partition);
  if (replica) {
    spans(replica, view, model.end, (from, to, i) => {
      if (replica.role[i] !== 1) return;
      context.strokeStyle = colours.epochs[epochColour(replica.epoch[i])];
      context.lineWidth = 7;
      line(context, scale.x(from), at, Math.max(scale.x(to), scale.x(from) + 1), at);
    });
  }
  const voter = model.voterOf[position];
  if (!voter) return;
  spans(voter, view, model.end, (from, to, i) => {
    if (!voter.active[i]) return;
    context.strokeStyle = colours.epochs[epochColour(voter.epoch[i])];
    context.lineWidth = 5;
    line(context, scale.x(from), at, Math.max(scale.x(to), scale.x(from) + 1), at);
  });
}

/** Each state of a table with times that is in view; those that are less than half a pixel long are passed over. */
function spans(table, view, end, draw) {
  if (!table) return;
  const least = (view.to - view.from) / 4000;
  let i = Math.max(stateAt(table.t, view.from), 0);
  while (i < table.t.length && table.t[i] <= view.to) {
    let next = i + 1;
    const until = (at) => (at < table.t.length ? table.t[at] : end);
    if (until(next) - table.t[i] < least) next = Math.max(next, lowerBound(table.t, table.t[i] + least));
    draw(
      Math.max(table.t[i], view.from),
      Math.min(until(next), view.to),
      Math.min(next, table.t.length) - 1,
      table,
    );
    i = next;
  }
}

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

function cross(context, x, y, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 2.5;
  line(context, x - 5, y - 5, x + 5, y + 5);
  line(context, x - 5, y + 5, x + 5, y - 5);
}

/** Whether a message is drawn. */
function isShown(model, view, i) {
  const { layers } = view;
  if (!(model.messages.answer[i] ? layers.responses : layers.requests)) return false;
  if (!layers.background && !model.messages.loud[i]) return false;
  return !layers.cone || !view.reach || isCause(model.messages, i, view.reach);
}

/** Messages that are in view; of those that begin and end at the same pixels and nodes, one. */
function drawMessages({ context, colours, scale, y }, model, view) {
  const { messages } = model;
  const first = lowerBound(messages.sent, view.from - messages.longest);
  const last = lowerBound(messages.sent, view.to);
  // Where thousands would be drawn, one for every few pixels looks the same.
  const pixels = last - first > 5000 ? 3 : 1;
  const grain = Math.max((view.to - view.from) / (scale.right - scale.left), 1) * pixels;
  const seen = new Set();
  const paths = [new Path2D(), new Path2D(), new Path2D()];
  let drawn = 0;
  for (let i = first; i < last; i += 1) {
    if (messages.received[i] >= 0 && messages.received[i] < view.from) continue;
    if (!isShown(model, view, i)) continue;
    const [from, to, sent] = [messages.from[i], messages.to[i], messages.sent[i]];
    const arrives = messages.received[i];
    const key = (Math.floor(sent / grain) * 64 + from) * 64 + to;
    if (seen.has(key)) continue;
    seen.add(key);
    drawn += 1;
    if (to < 0 || arrives < 0) {
      const toward = to < 0 ? 12 : Math.sign(to - from) * 12;
      paths[2].moveTo(scale.x(sent), y(from));
      paths[2].lineTo(scale.x(sent) + 6, y(from) + toward);
      continue;
    }
    const path = paths[messages.answer[i] ? 1 : 0];
    path.moveTo(scale.x(sent), y(from));
    path.lineTo(scale.x(arrives), y(to));
  }
  context.lineWidth = 1;
  context.globalAlpha = drawn > 1500 ? 0.3 : drawn > 300 ? 0.55 : 0.9;
  context.strokeStyle = colours.message;
  context.stroke(paths[0]);
  context.strokeStyle = colours.accent;
  context.stroke(paths[1]);
  context.globalAlpha = 1;
  context.strokeStyle = colours.bad;
  context.stroke(paths[2]);
  view.drawn = drawn;
}

/** Facts that matter in a picture: elections, truncations, changes of the ISR, recoveries. */
const LOUD_FACT =
  /became leader|became the active|elected|truncated|updated ISR|loaded log|diverges|fenced|rejected|candidate|halts/;

function drawFacts({ context, colours, scale, y }, model, view) {
  const { rows } = model;
  const [first, last] = [lowerBound(rows.t, view.from), lowerBound(rows.t, view.to)];
  const loud = model.loudTemplates;
  let edge = -99;
  for (let i = first; i < last; i += 1) {
    if (rows.node[i] < 0 || !loud[rows.text[i]]) continue;
    const x = scale.x(rows.t[i]);
    const at = y(rows.node[i]);
    context.fillStyle = loud[rows.text[i]] === 2 ? colours.bad : colours.ink;
    context.beginPath();
    context.moveTo(x, at - 5);
    context.lineTo(x + 4, at);
    context.lineTo(x, at + 5);
    context.lineTo(x - 4, at);
    context.fill();
    edge = x;
  }
  return edge;
}

/** What is drawn under a point of the diagram, in words: facts of the node, else the nearest message, else faults. */
function textUnder(model, view, width, x, y) {
  const scale = axis(view, width, gutter(width));
  if (x < scale.left || x > scale.right) return null;
  const lane = Math.floor((y - TOP) / LANE);
  return (
    factUnder(model, view, scale, lane, x) ??
    messageUnder(model, view, scale, x, y) ??
    faultUnder(model, scale, lane, x)
  );
}

function factUnder(model, view, scale, lane, x) {
  const { rows } = model;
  const first = lowerBound(rows.t, scale.t(x - 4));
  const last = Math.min(lowerBound(rows.t, scale.t(x + 4)), first + 5000);
  const told = [];
  for (let i = first; i < last && view.layers.facts; i += 1) {
    if (rows.node[i] !== lane || !model.loudTemplates[rows.text[i]]) continue;
    told.push(`${seconds(rows.t[i])} ${textOf(rows, i, model.texts)}`);
  }
  if (told.length > 6) told.splice(6, told.length, `and ${told.length - 6} more`);
  return told.length ? told.join("\n") : null;
}

function messageUnder(model, view, scale, x, y) {
  const { messages } = model;
  const middle = (position) => TOP + position * LANE + LANE / 2;
  const first = Math.max(
    lowerBound(messages.sent, scale.t(x - 4) - messages.longest),
    lowerBound(messages.sent, scale.t(x - 4)) - 3000,
  );
  const last = lowerBound(messages.sent, scale.t(x + 4));
  let [nearest, best] = [-1, 4];
  for (let i = Math.max(first, 0); i < last; i += 1) {
    if (messages.received[i] < 0 || messages.to[i] < 0 || !isShown(model, view, i)) continue;
    const ends = [
      scale.x(messages.sent[i]),
      middle(messages.from[i]),
      scale.x(messages.received[i]),
      middle(messages.to[i]),
    ];
    const far = distance(x, y, ...ends);
    if (far < best) [nearest, best] = [i, far];
  }
  if (nearest < 0) return null;
  const [from, to] = [messages.from[nearest], messages.to[nearest]].map(
    (position) => model.nodes[position].name,
  );
  const times = `${seconds(messages.sent[nearest])} to ${seconds(messages.received[nearest])}`;
  return `${from} → ${to}, ${times}\n${textOf(messages, nearest, model.texts)}`;
}

function faultUnder(model, scale, lane, x) {
  const id = model.nodes[lane]?.id;
  const here = model.faults.filter(
    (fault) => fault.nodes.includes(id) && scale.x(fault.at) - 2 <= x && x <= scale.x(fault.until) + 2,
  );
  return here.length ? here.map((fault) => `${fault.time} ${fault.summary}`).join("\n") : null;
}

/** The record's life: its moments at their nodes, tied in order of time. */
function drawThread({ context, colours, scale, y }, model, view) {
  const thread = model.threads[view.thread];
  if (!thread) return;
  const knots = thread.moments
    .map((moment) => ({ t: moment.at, at: model.laneOf(moment) }))
    .filter((knot) => knot.at !== undefined);
  context.strokeStyle = colours.thread;
  context.fillStyle = colours.thread;
  context.lineWidth = 1.5;
  context.globalAlpha = 0.75;
  context.beginPath();
  knots.forEach((knot, i) =>
    i ? context.lineTo(scale.x(knot.t), y(knot.at)) : context.moveTo(scale.x(knot.t), y(knot.at)),
  );
  context.stroke();
  context.globalAlpha = 1;
  for (const knot of knots) {
    context.beginPath();
    context.arc(scale.x(knot.t), y(knot.at), 3.5, 0, 7);
    context.fill();
  }
}

function drawFinding({ context, colours, scale, y }, model, view) {
  for (const finding of model.findings) {
    const position = model.position.get(finding.node);
    if (finding.at === null || position === undefined) continue;
    const x = scale.x(finding.at);
    context.strokeStyle = colours.bad;
    context.lineWidth = 2.5;
    context.beginPath();
    context.arc(x, y(position), 10, 0, 7);
    context.stroke();
    context.fillStyle = colours.bad;
    const room = context.measureText(finding.anomaly).width + 16;
    context.textAlign = x + room > scale.right ? "right" : "left";
    context.fillText(finding.anomaly, x + (context.textAlign === "right" ? -14 : 14), y(position) - 11);
  }
}

/** The whole run in one strip. */
function drawOverview(canvas, model, view) {
  const { context, width, height } = brush(canvas, 46);
  const colours = palette();
  const scale = axis({ from: 0, to: model.end }, width, 4);
  const parts = Math.max(Math.floor((scale.right - scale.left) / 2), 1);
  const counts = model.histogramOf(parts);
  const most = Math.max(...counts, 1);
  context.fillStyle = colours.message;
  context.globalAlpha = 0.6;
  counts.forEach((count, i) => {
    const tall = Math.sqrt(count / most) * (height - 14);
    context.fillRect(scale.left + i * 2, height - tall, 1.6, tall);
  });
  context.globalAlpha = 1;
  context.fillStyle = colours.fault;
  for (const fault of model.faults) {
    if (fault.held_back && !fault.nodes.length) continue;
    context.fillRect(scale.x(fault.at), 2, Math.max(scale.x(fault.until) - scale.x(fault.at), 2), 5);
  }
  context.fillStyle = colours.good;
  context.fillRect(scale.x(model.heal), 0, 1.5, height);
  context.fillStyle = colours.bad;
  for (const finding of model.findings)
    if (finding.at !== null) context.fillRect(scale.x(finding.at) - 1, 0, 3, height);
  context.fillStyle = colours.accent;
  context.globalAlpha = 0.18;
  const [x, end] = [scale.x(view.from), scale.x(view.to)];
  context.fillRect(x, 0, Math.max(end - x, 3), height);
  context.globalAlpha = 1;
  context.strokeStyle = colours.accent;
  context.lineWidth = 1.5;
  context.strokeRect(x, 1, Math.max(end - x, 3), height - 2);
}

/** Log end (whole lines) and high watermark (broken lines) of each replica, and the registration as a strip on top. */
function drawOffsets(canvas, model, view) {
  const { context, width, height } = brush(canvas, 190);
  const colours = palette();
  const scale = axis(view, width, gutter(width));
  drawTicks(context, view, scale, colours, height);
  const replicas = model.replicas.filter((replica) => replica.partition === view.partition);
  const range = offsetRange(replicas, view);
  const y = (offset) =>
    height - 8 - ((offset - range.low) / Math.max(range.high - range.low, 1)) * (height - 62);
  context.textAlign = "right";
  context.fillStyle = colours.dim;
  for (const offset of ticks(range.low, Math.max(range.high, range.low + 1), 4).all) {
    if (Number.isInteger(offset)) context.fillText(String(offset), scale.left - 6, y(offset));
  }
  context.save();
  context.beginPath();
  context.rect(scale.left, 0, scale.right - scale.left, height);
  context.clip();
  drawRegistrations(context, model, view, scale, colours);
  replicas.forEach((replica, i) => {
    context.strokeStyle = colours.epochs[i % 8];
    context.lineWidth = 1.75;
    steps(context, replica, replica.end, view, scale, y);
    context.setLineDash([3, 3]);
    context.lineWidth = 1.25;
    steps(context, replica, replica.high, view, scale, y);
    context.setLineDash([]);
  });
  drawCursor(context, view.t, scale, colours, height);
  context.restore();
  context.textAlign = "left";
  let x = 5;
  replicas.forEach((replica, i) => {
    context.fillStyle = colours.epochs[i % 8];
    const label = String(model.nodes[replica.node].id);
    context.fillText(label, x, 34);
    x += context.measureText(label).width + 8;
  });
}

function offsetRange(replicas, view) {
  let [low, high] = [Infinity, 0];
  for (const replica of replicas) {
    const first = Math.max(stateAt(replica.t, view.from), 0);
    const last = Math.max(stateAt(replica.t, view.to), first);
    for (let i = first; i <= last && i < replica.t.length; i += 1) {
      if (replica.t[i] > view.to) break;
      low = Math.min(low, replica.high[i], replica.end[i]);
      high = Math.max(high, replica.end[i]);
    }
  }
  return { low: Number.isFinite(low) ? low : 0, high: Math.max(high, Number.isFinite(low) ? low : 0) };
}

function drawRegistrations(context, model, view, scale, colours) {
  const partition = model.partitions[view.partition];
  if (!partition) return;
  spans(partition, view, model.end, (from, to, i) => {
    const [x, end] = [scale.x(from), scale.x(to)];
    const colour = epochColour(partition.epoch[i]);
    context.fillStyle = partition.leader[i] < 0 ? colours.down : colours.epochs[colour];
    context.globalAlpha = 0.3;
    context.fillRect(x, 24, Math.max(end - x - 1, 1), 18);
    context.globalAlpha = 1;
    const elr = model.words[partition.elr[i]];
    const leader = partition.leader[i] < 0 ? "no leader" : "leader " + partition.leader[i];
    const told =
      `${leader}, epoch ${partition.epoch[i]}, ISR ${model.words[partition.isr[i]] || "none"}` +
      (elr ? `, ELR ${elr}` : "");
    context.fillStyle = colours.ink;
    context.textAlign = "left";
    if (context.measureText(told).width < end - x - 8) context.fillText(told, x + 4, 33);
    else if (end - x > 22)
      context.fillText(String(partition.leader[i] < 0 ? "–" : partition.leader[i]), x + 4, 33);
  });
}

/** A column as steps, at most a few a pixel. */
function steps(context, table, column, view, scale, y) {
  const grain = (view.to - view.from) / (scale.right - scale.left) / 2;
  let i = Math.max(stateAt(table.t, view.from), 0);
  if (!table.t.length || table.t[i] > view.to) return;
  context.beginPath();
  context.moveTo(scale.x(Math.max(table.t[i], view.from)), y(column[i]));
  while (i < table.t.length && table.t[i] <= view.to) {
    context.lineTo(scale.x(table.t[i]), y(column[i]));
    const next = Math.max(i + 1, lowerBound(table.t, table.t[i] + grain));
    const end = next < table.t.length ? Math.min(table.t[next], view.to) : view.to;
    if (next > i + 1) context.lineTo(scale.x(table.t[next - 1]), y(column[next - 1]));
    context.lineTo(scale.x(end), y(column[next - 1]));
    i = next;
  }
  context.stroke();
}

/** Operations of each client, as bars. */
function drawOperations(canvas, model, view) {
  const row = 20;
  const height = TOP + model.clients.length * row + 6;
  const { context, width } = brush(canvas, height);
  const colours = palette();
  const scale = axis(view, width, gutter(width));
  drawTicks(context, view, scale, colours, height);
  const lanes = new Map(model.clients.map((process, i) => [process, i]));
  const fills = [colours.good, colours.bad, colours.doubt];
  const { operations } = model;
  const first = lowerBound(operations.t, view.from - model.longestOperation);
  const last = lowerBound(operations.t, view.to);
  const edges = new Map();
  const [bodies, ends] = [fills.map(() => new Path2D()), fills.map(() => new Path2D())];
  context.save();
  context.beginPath();
  context.rect(scale.left, 0, scale.right - scale.left, height);
  context.clip();
  for (let i = first; i < last; i += 1) {
    const took = operations.took[i];
    const until = took < 0 ? model.end : operations.t[i] + took;
    if (until < view.from) continue;
    const [x, end] = [scale.x(operations.t[i]), scale.x(until)];
    const lane = lanes.get(operations.process[i]);
    const slot = i % 4;
    const key = (lane * 4 + slot) * 4 + operations.ended[i];
    if (end - (edges.get(key) ?? -9) < 1.2) continue;
    edges.set(key, end);
    bodies[operations.ended[i]].rect(x, TOP + lane * row + 2 + slot * 4, Math.max(end - x, 1.4), 4);
    ends[operations.ended[i]].rect(end - 1, TOP + lane * row + 2 + slot * 4, 1.5, 4);
  }
  fills.forEach((fill, ended) => {
    context.fillStyle = fill;
    context.globalAlpha = 0.35;
    context.fill(bodies[ended]);
    context.globalAlpha = 1;
    context.fill(ends[ended]);
  });
  drawCursor(context, view.t, scale, colours, height);
  context.restore();
  model.clients.forEach((process, i) =>
    name(context, model.clientName(process), TOP + i * row + row / 2, colours, false, scale.left),
  );
}

// Ties the page together: one moment, one window, one node; what is shown follows from them.

/** What is drawn again and again, found once. */
function modelOf(data) {
  const model = decode(data);
  model.position = new Map(model.nodes.map((node, i) => [node.id, i]));
  model.laneOfProcess = new Map(
    model.nodes.map((node, i) => [node.process, i]).filter(([process]) => process !== undefined),
  );
  model.laneOf = (moment) =>
    moment.process !== undefined ? model.laneOfProcess.get(moment.process) : model.position.get(moment.node);
  model.processOf = byNode(model.processes, model.nodes.length);
  model.voterOf = byNode(model.voters, model.nodes.length);
  const replicas = new Map(
    model.replicas.map((replica) => [replica.node + "/" + replica.partition, replica]),
  );
  model.replicaOf = (node, partition) => replicas.get(node + "/" + partition);
  model.loudTemplates = model.texts.map((text) =>
    LOUD_FACT.test(text) ? (/truncated|halts|rejected/.test(text) ? 2 : 1) : 0,
  );
  model.clients = [...new Set(model.operations.process)].sort((a, b) => a - b);
  model.clientName = (process) => model.nodes[model.laneOfProcess.get(process)]?.name ?? "process " + process;
  model.longestOperation = model.operations.took.reduce((most, took) => Math.max(most, took), 0);
  if (model.operations.took.includes(-1)) model.longestOperation = model.end;
  const histograms = new Map();
  model.histogramOf = (parts) => {
    if (!histograms.has(parts)) histograms.set(parts, histogram(model.messages.sent, model.end, parts));
    return histograms.get(parts);
  };
  return model;
}

function byNode(tables, count) {
  const all = new Array(count);
  for (const table of tables) all[table.node] = table;
  return all;
}

/** Where the page opens: at what its address names, else at the first finding, else at the whole run. */
function openingView(model, hash) {
  const view = {
    t: 0,
    from: 0,
    to: Math.max(model.end, 100),
    node: null,
    partition: 0,
    thread: 0,
    reach: null,
    layers: {},
  };
  for (const box of $("layers").querySelectorAll("input")) view.layers[box.name] = box.checked;
  const named = parseLink(hash);
  const struck = model.faults.find((fault) => fault.nodes.length && !fault.held_back);
  view.t = struck ? struck.at : Math.round(model.end / 2);
  if (named.t !== null) {
    Object.assign(view, momentIn(named.t, model.end));
    view.node = model.position.get(named.node) ?? null;
    const window = named.from === null ? { from: named.t - 5e5, to: named.t + 5e5 } : named;
    Object.assign(view, clampWindow(window.from, window.to, model.end));
    view.layers.cone = $("layers").querySelector("[name=cone]").checked = false;
  } else if (model.findings.some((finding) => finding.at !== null)) {
    showFinding(
      model,
      view,
      model.findings.findIndex((finding) => finding.at !== null),
    );
  }
  return view;
}

/** The view at a finding: its moment, its node, its partition, and what could have led there. */
function showFinding(model, view, index) {
  const finding = model.findings[index];
  if (!finding || finding.at === null) return;
  view.t = finding.at;
  view.node = model.position.get(finding.node) ?? null;
  const partition = model.partitions.findIndex((one) => one.name === finding.partition);
  if (partition >= 0) view.partition = partition;
  look(model, view);
  const { messages } = model;
  const reach = view.reach ?? new Float64Array(model.nodes.length).fill(finding.at);
  Object.assign(view, openingWindow(messages, messages.order, reach, finding.at, model.end, 40));
  view.layers.background = $("layers").querySelector("[name=background]").checked = true;
}

/** What could have led to the chosen node's state at the moment. */
function look(model, view) {
  if (view.looked === view.t && view.lookedAt === view.node) return;
  [view.looked, view.lookedAt] = [view.t, view.node];
  view.reach =
    view.node === null
      ? null
      : causes(model.messages, model.messages.order, model.nodes.length, view.node, view.t);
}

/** A page that shows a model. */
class Page {
  constructor(model) {
    this.model = model;
    this.view = openingView(model, location.hash);
    this.fillChoices();
    this.list = new EventList(model, this);
    this.listen();
    this.changed();
  }

  fillChoices() {
    const { model } = this;
    $("node").append(new Option("all", ""), ...model.nodes.map((node, i) => new Option(node.name, i)));
    $("partition").append(...model.partitions.map((partition, i) => new Option(partition.name, i)));
    for (const item of document.querySelectorAll("li[data-line]")) timed(item, leadingTime(item.textContent));
    for (const item of document.querySelectorAll("[data-at]")) {
      timed(item, { t: Number(item.dataset.at), rest: item.tagName === "TD" ? "" : item.textContent });
    }
    $("legend").innerHTML = [
      ["var(--message)", "request"],
      ["var(--accent)", "response"],
      ["var(--bad)", "never arrived, down, finding"],
      ["linear-gradient(90deg, var(--e0) 33%, var(--e1) 33% 66%, var(--e2) 66%)", "leads, a colour an epoch"],
      ["var(--fault)", "fault"],
      ["var(--thread)", "the record's life"],
      ["var(--good)", "heal (broken line)"],
      ["var(--ink)", "fact (diamond)"],
    ]
      .map(([colour, text]) => `<span><i style="background:${colour}"></i>${text}</span>`)
      .join("");
  }

  listen() {
    document.addEventListener("click", (event) => this.onClick(event));
    $("bar").addEventListener("submit", (event) => event.preventDefault());
    $("filter").addEventListener("submit", (event) => event.preventDefault());
    $("at").addEventListener("change", () => this.goTo(parseTime($("at").value)));
    $("node").addEventListener("change", () =>
      this.choose($("node").value === "" ? null : Number($("node").value)),
    );
    $("partition").addEventListener("change", () => this.set({ partition: Number($("partition").value) }));
    $("layers").addEventListener("change", (event) => {
      this.view.layers[event.target.name] = event.target.checked;
      this.changed();
    });
    for (const id of ["lanes", "offsets", "operations"]) this.steer($(id));
    $("lanes").addEventListener("keydown", (event) => this.onKey(event));
    $("overview").addEventListener("keydown", (event) => this.onKey(event, true));
    this.steerOverview($("overview"));
    $("lanes").addEventListener("mousemove", (event) => this.tell(event));
    $("lanes").addEventListener("mouseleave", () => ($("tip").hidden = true));
    for (const [thread, life] of document.querySelectorAll("details.thread").entries()) {
      life.addEventListener("toggle", () => life.open && this.set({ thread }));
    }
    addEventListener("resize", () => this.changed());
    addEventListener("hashchange", () => this.onLink());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.changed());
  }

  onLink() {
    const named = parseLink(location.hash);
    if (named.t === null) return;
    this.view = { ...openingView(this.model, location.hash), partition: this.view.partition };
    this.changed();
  }

  onClick(event) {
    const button = event.target.closest("button, tr[data-node]");
    if (!button) return;
    const { dataset } = button;
    if (button.classList.contains("copy")) copy(button.previousElementSibling.textContent, button);
    else if (dataset.go !== undefined) this.goTo(Number(dataset.go), dataset.node, true);
    else if (dataset.finding !== undefined) this.onFinding(Number(dataset.finding));
    else if (dataset.do) this.act(dataset.do, button);
    else if (button.matches("tr[data-node]")) this.choose(Number(dataset.node));
  }

  onFinding(index) {
    showFinding(this.model, this.view, index);
    this.changed();
    $("time").scrollIntoView();
  }

  act(what, button) {
    const { view, model } = this;
    const width = view.to - view.from;
    if (what === "in" || what === "out")
      Object.assign(view, zoomed(view, what === "in" ? 0.5 : 2, view.t, model.end));
    else if (what === "left")
      Object.assign(view, clampWindow(view.from - width / 4, view.to - width / 4, model.end));
    else if (what === "right")
      Object.assign(view, clampWindow(view.from + width / 4, view.to + width / 4, model.end));
    else if (what === "all") Object.assign(view, clampWindow(0, model.end, model.end));
    else if (what === "finding") showFinding(model, view, 0);
    else if (what === "link") {
      const node = view.node === null ? null : model.nodes[view.node].id;
      const link = formatLink({ t: view.t, node, from: view.from, to: view.to });
      history.replaceState(null, "", link);
      copy(location.href, button);
    }
    this.changed();
  }

  set(changes) {
    Object.assign(this.view, changes);
    this.changed();
  }

  choose(node) {
    this.set({ node });
  }

  /** The moment, brought into view. */
  goTo(t, node, scroll) {
    if (t === null || Number.isNaN(t)) return this.changed();
    const { view, model } = this;
    Object.assign(view, momentIn(t, model.end));
    if (node !== undefined) view.node = model.position.get(Number(node)) ?? view.node;
    const width = view.to - view.from;
    if (view.t < view.from || view.t > view.to)
      Object.assign(view, clampWindow(view.t - width / 2, view.t + width / 2, model.end));
    this.changed();
    if (scroll) $("time").scrollIntoView({ block: "start" });
    return undefined;
  }

  onKey(event, whole) {
    const { view, model } = this;
    const width = view.to - view.from;
    const step = event.key === "ArrowLeft" ? -1 : 1;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      if (event.shiftKey || whole) this.act(step < 0 ? "left" : "right");
      else this.goTo(Math.round(view.t + (step * width) / 100));
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      const next = (view.node ?? -1) + (event.key === "ArrowUp" ? -1 : 1);
      this.choose(Math.min(Math.max(next, 0), model.nodes.length - 1));
    } else if (event.key === "n" || event.key === "p") this.nextFact(event.key === "n" ? 1 : -1);
    else if (event.key === "+" || event.key === "=") this.act("in");
    else if (event.key === "-") this.act("out");
    else if (event.key === "Home") this.act("all");
    else if (event.key === "f") this.act("finding");
    else return;
    event.preventDefault();
  }

  /** The next fact of the chosen node, or of any. */
  nextFact(step) {
    const { view, model } = this;
    const { rows } = model;
    let i = step > 0 ? lowerBound(rows.t, view.t + 1) : lowerBound(rows.t, view.t) - 1;
    while (i >= 0 && i < rows.t.length && view.node !== null && rows.node[i] !== view.node) i += step;
    if (i >= 0 && i < rows.t.length) this.goTo(rows.t[i]);
  }

  /** Wheel zooms, drag moves, click chooses a moment and a lane. */
  steer(canvas) {
    const scale = () => axis(this.view, canvas.clientWidth, gutter(canvas.clientWidth));
    canvas.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && !event.shiftKey && !canvas.matches(":focus")) return;
        event.preventDefault();
        Object.assign(
          this.view,
          zoomed(this.view, event.deltaY > 0 ? 1.25 : 0.8, scale().t(event.offsetX), this.model.end),
        );
        this.changed();
      },
      { passive: false },
    );
    let held = null;
    canvas.addEventListener("pointerdown", (event) => {
      held = { x: event.offsetX, from: this.view.from, to: this.view.to, moved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!held) return;
      const by = event.offsetX - held.x;
      if (Math.abs(by) < 4 && !held.moved) return;
      held.moved = true;
      const { left, right } = scale();
      const shift = (by / (right - left)) * (held.to - held.from);
      Object.assign(this.view, clampWindow(held.from - shift, held.to - shift, this.model.end));
      this.changed();
    });
    canvas.addEventListener("pointerup", (event) => {
      if (held && !held.moved) this.onPoint(canvas, event, scale());
      held = null;
    });
  }

  /** Says what is under the pointer. */
  tell(event) {
    const tip = $("tip");
    const text = event.buttons
      ? null
      : textUnder(this.model, this.view, $("lanes").clientWidth, event.offsetX, event.offsetY);
    tip.hidden = text === null;
    if (text === null) return;
    tip.textContent = text;
    const room = Math.max(innerWidth - tip.offsetWidth - 8, 0);
    tip.style.left = Math.min(event.clientX + 14, room) + "px";
    tip.style.top = event.clientY + 16 + "px";
  }

  onPoint(canvas, event, scale) {
    if (canvas.id === "lanes") {
      const lane = Math.floor((event.offsetY - TOP) / LANE);
      if (lane >= 0 && lane < this.model.nodes.length) this.view.node = lane;
    }
    if (event.offsetX >= scale.left)
      this.view.t = Math.round(Math.min(Math.max(scale.t(event.offsetX), 0), this.model.end));
    this.changed();
  }

  steerOverview(canvas) {
    let held = false;
    const move = (event) => {
      const scale = axis({ from: 0, to: this.model.end }, canvas.clientWidth, 4);
      const width = this.view.to - this.view.from;
      const at = scale.t(event.offsetX);
      Object.assign(this.view, clampWindow(at - width / 2, at + width / 2, this.model.end));
      this.changed();
    };
    canvas.addEventListener("pointerdown", (event) => {
      held = true;
      canvas.setPointerCapture(event.pointerId);
      move(event);
    });
    canvas.addEventListener("pointermove", (event) => held && move(event));
    canvas.addEventListener("pointerup", () => (held = false));
  }

  /** Draws again with the next frame, however often something changed before it. */
  changed() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  draw() {
    const { model, view } = this;
    look(model, view);
    drawOverview($("overview"), model, view);
    drawLanes($("lanes"), model, view);
    drawOffsets($("offsets"), model, view);
    drawOperations($("operations"), model, view);
    if (document.activeElement !== $("at")) $("at").value = (view.t / 1e6).toFixed(6);
    $("node").value = view.node === null ? "" : view.node;
    $("partition").value = view.partition;
    const shown = `${seconds(view.from, 3)} to ${seconds(view.to, 3)}`;
    const beyond = view.said && view.t === model.end;
    $("window").textContent = beyond ? `${shown}; ${view.said}` : shown;
    const values = {
      "aria-valuemax": Math.round(model.end),
      "aria-valuenow": Math.round(view.from),
      "aria-valuetext": shown,
    };
    for (const [name, value] of Object.entries(values)) $("overview").setAttribute(name, value);
    drawState(model, view);
    this.list.windowMoved();
    this.list.follow(view.t);
    document.documentElement.dataset.drawn = String(view.drawn);
  }
}

/** A time that leads to its moment, in front of what happened then. */
function timed(item, line) {
  if (!line) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "time";
  button.dataset.go = line.t;
  const node = item.dataset.node ?? /\bnode (\d+)/.exec(line.rest)?.[1];
  if (node) button.dataset.node = node;
  button.textContent = seconds(line.t, item.tagName === "TD" ? 3 : 6);
  item.replaceChildren(button, line.rest);
}

async function copy(text, button) {
  const before = button.dataset.text ?? button.textContent;
  button.dataset.text = before;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    button.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
    area.remove();
  }
  setTimeout(() => (button.textContent = before), 1500);
}

if (typeof document !== "undefined" && $("lanes")) {
  globalThis.page = new Page(modelOf(JSON.parse($("data").textContent)));
}

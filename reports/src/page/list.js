// Everything that happened, as a list that is searched and filtered.

/** Everything that happened, filtered; only rows that are seen are in the document. */
class EventList {
  constructor(model, page) {
    this.model = model;
    this.page = page;
    this.height = 24;
    this.chosen = -1;
    this.kinds = [
      { name: "rows", table: model.rows, times: model.rows.t },
      { name: "messages", table: model.messages, times: model.messages.sent },
      { name: "operations", table: model.operations, times: model.operations.t },
    ];
    $("filter").addEventListener("input", () => {
      clearTimeout(this.later);
      this.later = setTimeout(() => this.filter(), 120);
    });
    $("list").addEventListener("scroll", () => this.draw());
    $("list").addEventListener("keydown", (event) => this.onKey(event));
    $("rows").addEventListener("click", (event) => {
      const row = event.target.closest("[data-i]");
      if (row) this.choose(Number(row.dataset.i));
    });
    this.filter();
  }

  windowMoved() {
    const { view } = this.page;
    if (this.inside && (this.from !== view.from || this.to !== view.to)) this.filter();
  }

  /** Brings what happened last by a moment into view, if the moment was chosen elsewhere. */
  follow(t) {
    if (t === this.at) return;
    this.at = t;
    let [low, high] = [0, this.shown.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.timeOf(this.shown[middle]) <= t) low = middle + 1;
      else high = middle;
    }
    this.chosen = low - 1;
    $("list").scrollTop = Math.max(0, (low - 8) * this.height);
    this.draw();
  }

  /** When something that is shown happened. */
  timeOf(one) {
    return this.kinds[Math.floor(one / 2 ** 32)].times[one % 2 ** 32];
  }

  nodesOf(kind, i) {
    const { nodes } = this.model;
    const id = (position) => (position < 0 ? null : nodes[position].id);
    if (kind === 0) return [id(this.model.rows.node[i])];
    if (kind === 1) return [id(this.model.messages.from[i]), id(this.model.messages.to[i])];
    return [id(this.model.laneOfProcess.get(this.model.operations.process[i]) ?? -1)];
  }

  /** Finds what is shown: positions of kinds and rows, in order of time. */
  filter() {
    const form = $("filter");
    const wanted = (name) => form.querySelector(`[name=${name}]`).checked;
    const query = parseQuery($("query").value);
    const reads = query.words.length > 0 || query.not.length > 0;
    const { view } = this.page;
    this.inside = wanted("inside");
    [this.from, this.to] = [view.from, view.to];
    this.shown = [];
    for (const [kind, { table, times }] of this.kinds.entries()) {
      if (kind === 1 && !wanted("messages")) continue;
      if (kind === 2 && !wanted("operations")) continue;
      const first = this.inside ? lowerBound(times, this.from) : 0;
      const last = this.inside ? lowerBound(times, this.to) : times.length;
      for (let i = first; i < last; i += 1) {
        if (kind === 0 && !wanted(table.kind[i] === 2 ? "facts" : "world")) continue;
        const nodes = query.nodes.length ? this.nodesOf(kind, i) : [];
        if (matches(query, times[i], nodes, reads ? this.lower(kind, i) : ""))
          this.shown.push(kind * 2 ** 32 + i);
      }
    }
    this.shown.sort((a, b) => this.timeOf(a) - this.timeOf(b) || a - b);
    this.chosen = -1;
    this.at = null;
    $("count").textContent = this.shown.length + (this.shown.length === 1 ? " event" : " events");
    $("rows").style.height = this.shown.length * this.height + "px";
    this.draw();
    this.follow(view.t);
  }

  /** The text of a row in small letters, made when it is first searched. */
  lower(kind, i) {
    const known = this.kinds[kind];
    known.lower ??= new Array(known.times.length);
    return (known.lower[i] ??= this.textAt(kind, i).toLowerCase());
  }

  textAt(kind, i) {
    return textOf(this.kinds[kind].table, i, this.model.texts);
  }

  draw() {
    const list = $("list");
    const { first, last } = visibleRows(list.scrollTop, list.clientHeight, this.height, this.shown.length);
    const rows = [];
    for (let at = first; at < last; at += 1) rows.push(this.row(at));
    $("rows").replaceChildren(...rows);
    if (this.chosen >= first && this.chosen < last)
      list.setAttribute("aria-activedescendant", "row-" + this.chosen);
    else list.removeAttribute("aria-activedescendant");
  }

  row(at) {
    const [kind, i] = [Math.floor(this.shown[at] / 2 ** 32), this.shown[at] % 2 ** 32];
    const row = document.createElement("div");
    row.className = "row " + (kind === 0 && this.model.rows.kind[i] !== 2 ? "world" : this.kinds[kind].name);
    row.id = "row-" + at;
    row.dataset.i = at;
    row.style.top = at * this.height + "px";
    row.setAttribute("role", "option");
    row.setAttribute("aria-posinset", at + 1);
    row.setAttribute("aria-setsize", this.shown.length);
    row.setAttribute("aria-selected", at === this.chosen);
    for (const [name, text] of [
      ["when", seconds(this.kinds[kind].times[i])],
      ["who", this.who(kind, i)],
      ["what", this.what(kind, i)],
    ]) {
      const cell = document.createElement("span");
      cell.className = name;
      cell.textContent = cell.title = text;
      row.append(cell);
    }
    return row;
  }

  who(kind, i) {
    const named = (position) => (position < 0 ? "?" : this.model.nodes[position].name);
    if (kind === 0) return this.model.rows.node[i] < 0 ? "" : named(this.model.rows.node[i]);
    if (kind === 2) return this.model.clientName(this.model.operations.process[i]);
    const [from, to] = this.nodesOf(1, i);
    return `${from} → ${to ?? "?"}`;
  }

  what(kind, i) {
    const text = this.textAt(kind, i);
    if (kind === 0) return text;
    const took = this.kinds[kind].table.took[i];
    if (kind === 1)
      return (
        text + (took < 0 ? "; never arrived" : `; arrived at ${seconds(this.model.messages.received[i])}`)
      );
    const ended = ["ok", "failed", "outcome unknown"][this.model.operations.ended[i]];
    return `${text}: ${ended}` + (took < 0 ? "" : ` after ${(took / 1e3).toFixed(1)} ms`);
  }

  choose(at) {
    this.chosen = Math.min(Math.max(at, 0), this.shown.length - 1);
    if (this.chosen < 0) return;
    const list = $("list");
    const top = this.chosen * this.height;
    if (top < list.scrollTop) list.scrollTop = top;
    if (top + this.height > list.scrollTop + list.clientHeight)
      list.scrollTop = top + this.height - list.clientHeight;
    this.draw();
    const [kind, i] = [Math.floor(this.shown[this.chosen] / 2 ** 32), this.shown[this.chosen] % 2 ** 32];
    this.at = this.kinds[kind].times[i];
    this.page.goTo(this.kinds[kind].times[i], this.nodesOf(kind, i)[0] ?? undefined);
  }

  onKey(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -Infinity, End: Infinity };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.choose(this.chosen + steps[event.key]);
  }
}

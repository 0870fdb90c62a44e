// What each node had and believed at a moment, as a table.

const $ = (id) => document.getElementById(id);

/** The table of what each node had and believed at the moment, and what happened nearest to it. */
function drawState(model, view) {
  $("state-at").textContent = seconds(view.t);
  const partition = model.partitions[view.partition];
  const place = partition ? partition.name : "no partition";
  const head = [
    "node",
    "process",
    place + " role",
    "leader epoch",
    "log end",
    "high watermark",
    "ISR as it believes",
    "quorum",
  ];
  $("states").tHead.replaceChildren(cells("th", head));
  const shown = model.nodes.map((node, i) => stateRow(model, view, node, i)).filter(Boolean);
  $("states").tBodies[0].replaceChildren(...shown);
  $("near").textContent = registered(partition, model, view.t) + " " + nearest(model, view);
}

function cells(kind, texts) {
  const row = document.createElement("tr");
  for (const text of texts) {
    const cell = document.createElement(kind);
    cell.textContent = text;
    row.append(cell);
  }
  return row;
}

function stateRow(model, view, node, i) {
  const process = model.processOf[i];
  const at = process ? stateAt(process.t, view.t) : -1;
  const up = at < 0 ? "not started" : ["down", "up", "down, lost what was not synced"][process.state[at]];
  const replica = replicaCells(model.replicaOf(i, view.partition), model, view.t);
  const quorum = quorumCell(model.voterOf[i], model, view.t);
  if (!replica && !quorum && view.node !== i && up !== "down") return null;
  const row = cells("td", [node.name, up, ...(replica ?? ["", "", "", "", ""]), quorum ?? ""]);
  row.dataset.node = i;
  row.classList.toggle("chosen", view.node === i);
  row.cells[1].classList.toggle("down", up.startsWith("down"));
  return row;
}

function replicaCells(replica, model, t) {
  const i = replica ? stateAt(replica.t, t) : -1;
  if (i < 0) return null;
  const role = ["idle", "leader", "follower"][replica.role[i]];
  const isr = replica.role[i] === 1 ? model.words[replica.isr[i]] : "";
  return [role, replica.epoch[i] < 0 ? "none" : replica.epoch[i], replica.end[i], replica.high[i], isr];
}

function quorumCell(voter, model, t) {
  const i = voter ? stateAt(voter.t, t) : -1;
  if (i < 0) return null;
  const active = voter.active[i] ? ", active controller" : "";
  const leader = voter.leader[i] < 0 ? "" : `, leader ${voter.leader[i]}`;
  return `${model.words[voter.role[i]]} in epoch ${voter.epoch[i]}${leader}${active}`;
}

/** What is registered of the partition, and committed of it. */
function registered(partition, model, t) {
  const i = partition ? stateAt(partition.t, t) : -1;
  if (i < 0) return "";
  const committed = stateAt(partition.committed.t, t);
  const leader = partition.leader[i] < 0 ? "nobody leads" : `node ${partition.leader[i]} leads`;
  const end = committed < 0 ? 0 : partition.committed.end[committed];
  const isr = model.words[partition.isr[i]] || "empty";
  return `Registered: ${leader} in epoch ${partition.epoch[i]}, ISR ${isr}. Committed up to ${end}.`;
}

/** The last fact of the chosen node. */
function nearest(model, view) {
  if (view.node === null) return "";
  const { rows } = model;
  let i = stateAt(rows.t, view.t);
  for (let tries = 0; i >= 0 && tries < 5000; i -= 1, tries += 1) {
    if (rows.node[i] === view.node) {
      return `Last of ${model.nodes[view.node].name}, at ${seconds(rows.t[i])}: ${textOf(rows, i, model.texts)}.`;
    }
  }
  return "";
}

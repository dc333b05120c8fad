// SPDX-License-Identifier: Apache-2.0
// The bedside page: shows what the server sends, sends what the buttons say. It asks no other host.
"use strict";

const byId = (id) => document.getElementById(id);
const LIMBS = [[5, 6], [5, 7], [7, 9], [6, 8], [8, 10], [5, 11], [6, 12], [11, 12], [11, 13], [13, 15], [12, 14], [14, 16], [0, 5], [0, 6]];
const LEFT = "#56c8ff", RIGHT = "#8fe36b", MIDDLE = "#ffffff";
let setup = null, source = null, camera = null, people = [], picture = null, state = null, wait = 500;
const seen = new Set();

// -- colours of the picture: a dark-to-bright ramp like 'inferno' -----------------------------
const STOPS = [[0, 0, 4], [66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]];
const COLOURS = new Uint8ClampedArray(256 * 4);
for (let i = 0; i < 256; i++) {
  const at = i / 255 * (STOPS.length - 1), low = Math.min(Math.floor(at), STOPS.length - 2), part = at - low;
  for (let c = 0; c < 3; c++) COLOURS[4 * i + c] = STOPS[low][c] * (1 - part) + STOPS[low + 1][c] * part;
  COLOURS[4 * i + 3] = 255;
}

const canvas = byId("picture"), context = canvas.getContext("2d"), small = document.createElement("canvas");

function draw() {
  if (!picture) return;
  const scale = 8;
  if (canvas.width !== picture.width * scale) { canvas.width = picture.width * scale; canvas.height = picture.height * scale; }
  small.width = picture.width; small.height = picture.height;
  const image = new ImageData(picture.width, picture.height);
  for (let i = 0; i < picture.grey.length; i++) image.data.set(COLOURS.subarray(4 * picture.grey[i], 4 * picture.grey[i] + 4), 4 * i);
  small.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  context.lineCap = "round";
  for (const person of people) {
    const followed = !state || !state.track_id || person.id === state.track_id;
    context.globalAlpha = followed ? 1 : 0.4;
    for (const [a, b] of LIMBS) {
      const from = person.joints[a], to = person.joints[b];
      if (!from || !to) continue;
      context.strokeStyle = "rgba(0,0,0,.6)"; context.lineWidth = 8; line(from, to);
      context.strokeStyle = a % 2 === 1 && b % 2 === 1 ? LEFT : a && a % 2 === 0 && b % 2 === 0 ? RIGHT : MIDDLE;
      context.lineWidth = 4; line(from, to);
    }
  }
  context.globalAlpha = 1;
}

function line(from, to) {
  context.beginPath();
  context.moveTo(from[0] * canvas.width, from[1] * canvas.height);
  context.lineTo(to[0] * canvas.width, to[1] * canvas.height);
  context.stroke();
}

// -- events ---------------------------------------------------------------------------------
const handlers = {
  image(message) {
    const bytes = atob(message.pixels), grey = new Uint8Array(bytes.length);
    for (let i = 0; i < bytes.length; i++) grey[i] = bytes.charCodeAt(i);
    picture = { width: message.width, height: message.height, grey };
    byId("nothing").hidden = true;
    draw();
    canvas.dataset.stamp = message.stamp;
    canvas.dataset.sent = message.sent;
    canvas.dataset.shown = String(Date.now());
    if (window.onPictureShown) window.onPictureShown(message);
  },
  people(message) { people = message.people; draw(); },
  view(message) {
    byId("view").replaceChildren(...message.findings.map((finding) => {
      const item = document.createElement("li");
      item.textContent = say(finding.text);
      item.className = finding.ok ? "" : "bad";
      item.dataset.code = finding.code;
      return item;
    }));
  },
  state(message) {
    state = message;
    const label = message.waiting ? say("Ready") : phaseName(message.label);
    if (byId("phase").textContent !== label) byId("phase").textContent = label;
    byId("time").textContent = fixed(message.elapsed_s, 1);
    byId("count").textContent = message.repetitions ? `${message.repetitions} ×` : "";
    for (const step of byId("steps").children) step.classList.toggle("now", step.dataset.phase === message.label);
    if (byId("test").value !== message.test && document.activeElement !== byId("test")) { byId("test").value = message.test; describe(); }
  },
  report(message) {
    showResult(message);
    const key = `${message.test} ${message.origin_ns}`;
    if (!seen.has(key)) { seen.add(key); loadRecent(); }
  },
  notice(message) { tell(message.text); },
};

function connect() {
  if (source) source.close();
  people = []; picture = null; state = null;
  byId("nothing").hidden = false;
  source = new EventSource(`/api/events?camera=${encodeURIComponent(camera)}`);
  source.addEventListener("open", () => { wait = 500; link("on", "Connected"); });
  source.addEventListener("error", () => {
    link("off", "Connection lost: trying again");
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    setTimeout(load, wait);
    wait = Math.min(2 * wait, 5000);
  });
  for (const [kind, take] of Object.entries(handlers)) source.addEventListener(kind, (event) => take(JSON.parse(event.data)));
}

function link(kind, text) { byId("link").className = `link ${kind}`; byId("link").textContent = say(text); }
function phaseName(key) { return say(setup.phase_names[key] ?? (key || "—")); }
function tell(text) { byId("said").textContent = say(text); }

// -- actions --------------------------------------------------------------------------------
async function post(path, values) {
  try {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ camera, ...values }) });
    if (answer.status === 401) { location.assign("/login"); return false; }
    const text = await answer.text();
    let spoken = text;
    try { spoken = JSON.parse(text).text ?? ""; } catch { /* plain text */ }
    tell(answer.ok ? "" : spoken);
    if (answer.ok && values.action) window.lastAction = values.action;
    return answer.ok;
  } catch {
    tell("The server does not answer.");
    return false;
  }
}

function personValues() {
  const values = { test: byId("test").value, language: document.documentElement.lang };
  for (const name of ["subject_id", "sex", "walking_aid", "chair", "assessor"]) values[name] = byId(name).value.trim();
  values.age_years = Number(byId("age_years").value || 0);
  values.height_m = Number(byId("height_cm").value || 0) / 100;
  values.time_zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  return values;
}

async function savePerson() {
  if (!byId("person").reportValidity()) return false;
  const done = await post("/api/person", personValues());
  if (done) showHistoryLink();
  return done;
}

async function start() { if (await savePerson()) await post("/api/act", { action: "start" }); }
const stop = () => post("/api/act", { action: "stop" });
async function repeat() { if (await post("/api/act", { action: "reset" })) await start(); }

function showHistoryLink() {
  const name = byId("subject_id").value.trim();
  byId("history").hidden = !name;
  byId("history").href = `/history/${encodeURIComponent(name)}`;
}

// -- results --------------------------------------------------------------------------------
function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function anchor(text, address) {
  const made = element("a", text);
  made.href = address; made.target = "_blank"; made.rel = "noopener";
  return made;
}

// A count that one rise at the limit of 30 s leaves open.
function countOf(row) { return fixed(row.value, row.decimals) + (Number.isInteger(row.also) ? ` ${say(`or ${row.also}`)}` : ""); }

// On a phone the name of the test says what is counted.
function figureCell(row) {
  const cell = element("td", row.valid ? countOf(row) : say("refused"), "number");
  if (row.valid) cell.append(element("span", ` ${say(row.unit)}`, row.unit === "s" ? "" : "count-unit"));
  else cell.append(element("small", say(row.reason_name)));
  return cell;
}

function showResult(row) {
  const parts = [element("p", say(row.title) + (row.subject_id ? `, ${row.subject_id}` : ""), "soft")];
  if (row.valid) {
    const figure = element("p", countOf(row), "figure");
    figure.append(element("small", ` ${say(row.unit)}${row.sd ? ` ± ${fixed(row.sd, 2)}` : ""}`));
    parts.push(figure, element("p", say("Valid; checked in simulation only."), "soft"));
    if (row.phases.length) {
      const list = element("dl", undefined, "phases");
      for (const phase of row.phases) {
        const pair = element("div");
        pair.append(element("dt", phaseName(phase.phase.toLowerCase())), element("dd", phase.duration_s === null ? "—" : `${fixed(phase.duration_s, 2)} s`));
        list.append(pair);
      }
      parts.push(list);
      for (const phase of row.phases.filter((each) => each.withheld)) parts.push(element("p", `${phaseName(phase.phase.toLowerCase())}: ${say(phase.withheld)}`, "soft withheld"));
    }
  } else {
    const box = element("div", undefined, "refused");
    box.append(element("b", `${say("Refused.")} `), document.createTextNode(say(row.sentence)));
    parts.push(box);
  }
  const links = element("p", undefined, "bed");
  if (row.name) { const report = anchor(say("Open the report"), `/report/${row.name}`); report.id = "report-link"; links.append(report); }
  if (row.subject_id) { const past = anchor(say("History of this person"), `/history/${encodeURIComponent(row.subject_id)}`); past.id = "history-link"; links.append(past); }
  if (links.childElementCount) parts.push(links);
  byId("result").replaceChildren(...parts);
  byId("result").dataset.origin = row.origin_ns;
}

async function loadRecent() {
  const answer = await fetch("/api/recent").catch(() => null);
  if (!answer || !answer.ok) return;
  const rows = (await answer.json()).results;
  byId("recent").replaceChildren(...rows.map((row) => {
    const line = element("tr"), when = new Date(Number(row.origin_ns) / 1e6);
    const date = when.getFullYear() < 2000 ? "—" : written(when);
    const moment = element("td", date);
    moment.append(element("small", row.subject_id || "—", "who")); // a phone has no column for it
    line.append(moment, element("td", row.subject_id || "—"), element("td", say(row.title)), figureCell(row));
    const cell = element("td");
    if (row.name) cell.append(anchor(say("Report"), `/report/${row.name}`));
    line.append(cell);
    return line;
  }));
}

// -- set-up ---------------------------------------------------------------------------------
function options(select, rows, chosen) {
  select.replaceChildren(...rows.map(([value, text]) => { const made = element("option", text); made.value = value; return made; }));
  if (chosen !== undefined) select.value = chosen;
}

function describe() {
  const test = setup.tests.find((row) => row.key === byId("test").value) ?? setup.tests[0];
  const list = element("ol");
  list.append(...test.instructions.map((text) => element("li", say(text))));
  byId("how").replaceChildren(list, element("p", `${say("Camera:")} ${say(test.placement)}`));
  byId("steps").replaceChildren(...test.phases.map((name) => { const made = element("li", phaseName(name)); made.dataset.phase = name; return made; }));
}

async function load() {
  const answer = await fetch("/api/cameras").catch(() => null);
  if (answer && answer.status === 401) { location.assign("/login"); return; }
  if (!answer || !answer.ok) { link("off", "Connection lost: trying again"); setTimeout(load, wait); wait = Math.min(2 * wait, 5000); return; }
  const fresh = await answer.json();
  const first = !setup;
  setup = fresh;
  byId("logout").hidden = !setup.login;
  if (first) {
    options(byId("test"), setup.tests.map((row) => [row.key, say(row.title)]));
    options(byId("sex"), [["", say("not given")], ...setup.sexes.map((name) => [name, say(name)])]);
    options(byId("walking_aid"), [["", say("not given")], ...setup.walking_aids.map((name) => [name, say(name)])]);
    describe();
    loadRecent();
  }
  if (!setup.cameras.length) { link("off", "No camera in the graph yet"); setTimeout(load, 1000); return; }
  if (camera === null || !setup.cameras.includes(camera)) camera = setup.cameras[0];
  options(byId("camera"), setup.cameras.map((name) => [name, name || say("only camera")]), camera);
  connect();
}

byId("camera").addEventListener("change", () => { camera = byId("camera").value; connect(); });
byId("test").addEventListener("change", () => { describe(); post("/api/person", { test: byId("test").value }); });
byId("start").addEventListener("click", start);
byId("stop").addEventListener("click", stop);
byId("repeat").addEventListener("click", repeat);
byId("person").addEventListener("submit", (event) => { event.preventDefault(); savePerson(); });
byId("new").addEventListener("click", async () => {
  const answer = await fetch("/api/cameras").catch(() => null);
  if (answer && answer.ok) { byId("subject_id").value = (await answer.json()).pseudonym; showHistoryLink(); }
});
byId("subject_id").addEventListener("input", showHistoryLink);
byId("logout").addEventListener("click", async () => { await post("/api/logout", {}); location.assign("/login"); });
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
  const action = { s: start, e: stop, r: repeat }[event.key.toLowerCase()];
  if (action) { event.preventDefault(); action(); }
});
load();

// An example to start from: two viewers of one scene in a page of one's own, with charts, questions, styles and a link that
// brings it all back. It uses nothing but the public API of `veduta.js`, and lives under a content security policy without
// inline scripts and styles. On another server than Veduta's, import the module by its whole address:
// `import { Veduta } from "https://city.example/web/veduta.js"`.

import { Chart } from "./chart.js";
import { Veduta } from "./veduta.js";

/** @typedef {import("./veduta.js").Layer} Layer */

/** @template {HTMLElement} T @returns {T} */
const find = (selector, within = document) => within.querySelector(selector);

/** Units as people write them. */
const UNITS = { 1: "", "ug/m3": "µg/m³" };

/** Ways to look at a city: layers that come after those of the scene. @type {Record<string, Layer[]>} */
const STYLES = {
  City: [],
  Height: [ramp("measuredHeight", [0, "#1b3a5c"], [30, "#1f7a8c"], [90, "#e9c46a"], [200, "#e76f51"])],
  Age: [ramp("yearOfConstruction", [1980, "#5e4fa2"], [2000, "#66c2a5"], [2010, "#fee08b"], [2025, "#f46d43"])],
  Towers: [
    { name: "others", class: "Building", color: "#31404f" },
    { name: "towers", class: "Building", where: "measuredHeight > 100", color: "#35c9ff" },
  ],
};

/** Buildings coloured along an attribute. @param {[number, string][]} stops */
function ramp(by, ...stops) {
  return { name: by, class: "Building", ramp: { by, stops } };
}

/** A view: a viewer with its bar of cameras and styles. Gives back the viewer. */
async function view(element, options) {
  const parts = /** @type {HTMLTemplateElement} */ (find("#view"));
  element.append(document.importNode(parts.content, true));
  const state = find(".state", element);
  const show = (words) => {
    state.textContent = words;
    state.hidden = !words;
  };
  const mebibytes = (bytes) => (bytes / 2 ** 20).toFixed(1);
  try {
    const viewer = await Veduta.mount(find(".city", element), {
      ...options,
      rate: 4,
      panel: false, // this page shows figures and alarms itself
      onProgress: (done, all) => show(`Program ${mebibytes(done)}${all ? ` of ${mebibytes(all)}` : ""} MB`),
      on: {
        loading: () => show("Tiles …"),
        complete: () => show(""),
        lost: () => show("The picture is lost; it comes again …"),
        recovered: () => show(""),
        failed: ({ message }) => show(message),
      },
    });
    show("Tiles …");
    const cameras = viewer.scene?.cameras.map(({ name }) => name) ?? [];
    buttons(find(".cameras", element), cameras, (name) => viewer.flyTo(name));
    const now = JSON.stringify(options.style ?? viewer.scene?.layers);
    const layers = (name) => [...(viewer.scene?.layers ?? []), ...STYLES[name]];
    const chosen = Object.keys(STYLES).find((name) => JSON.stringify(layers(name)) === now);
    buttons(find(".styles", element), Object.keys(STYLES), (name) => viewer.setStyle(layers(name)), chosen);
    return viewer;
  } catch (error) {
    show(error.status === 401 ? "Sign in on the first page of this server, then come back." : error.message);
    throw error;
  }
}

/** One button for each name; where one is `chosen`, the last one pressed stays lit. */
function buttons(element, names, press, chosen) {
  const all = names.map((name) => {
    const button = document.createElement("button");
    button.textContent = name;
    button.ariaPressed = chosen && String(name === chosen);
    button.onclick = () => {
      if (chosen) for (const other of all) other.ariaPressed = String(other === button);
      press(name);
    };
    return button;
  });
  element.replaceChildren(...all);
}

/** The clock and the buttons of the play. */
function followPlay(viewer) {
  const zone = (viewer.scene?.zone_s ?? 0) * 1000;
  const bar = find("#play");
  viewer.on("live", ({ time, play }) => {
    find("#clock").textContent = new Date(Date.parse(time) + zone).toISOString().slice(0, 19).replace("T", "  ");
    if (!play) return;
    bar.hidden = false;
    const speed = play.playing ? play.speed : 0;
    for (const button of bar.querySelectorAll("button")) button.ariaPressed = String(Number(button.dataset.speed) === speed);
  });
  bar.onclick = async ({ target }) => {
    const speed = /** @type {HTMLElement} */ (target).dataset.speed;
    if (speed === undefined) return;
    if (speed === "0") return tell(viewer.pause());
    await tell(viewer.speed(Number(speed)));
    await tell(viewer.play());
  };
}

/** A chart for each indicator of the city, fed by the live connection. A click goes to its instant, where there is a play. */
function followFigures(viewer) {
  const zone = (viewer.scene?.zone_s ?? 0) * 1000;
  const charts = new Map();
  let range;
  viewer.on("live", ({ time, indicators, play }) => {
    if (play) range = [Date.parse(play.start), Date.parse(play.end)];
    for (const { indicator, row, title, unit, value, state } of indicators) {
      const key = `${indicator} ${row}`;
      if (!charts.has(key)) {
        const seek = (instant) => range && tell(viewer.seek(new Date(instant)));
        charts.set(key, new Chart(find("#charts"), { title, unit: UNITS[unit] ?? unit, zone, seek }));
      }
      charts.get(key).state = state;
      if (value !== null) charts.get(key).add(Date.parse(time), value);
    }
    // A figure that has not changed is not sent again: the charts go on by themselves.
    for (const chart of charts.values()) chart.show(Date.parse(time), range);
  });
}

/** The alarms that are raised now. */
function followAlarms(viewer, choose) {
  const raised = new Map();
  viewer.on("live", ({ alarms }) => {
    for (const alarm of alarms) {
      const key = `${alarm.alarm} ${alarm.object}`;
      alarm.raised ? raised.set(key, alarm) : raised.delete(key);
    }
    if (!alarms.length) return;
    find("#alarms").replaceChildren(
      ...[...raised.values()].map(({ message, severity, object }) => {
        const line = row("li", message);
        line.className = severity;
        line.onclick = () => object && choose(object);
        return line;
      }),
    );
  });
}

/** The question box: what matches is listed, and selected by a click. */
function answerQuestions(viewer, choose) {
  /** @type {HTMLFormElement} */
  const form = find("#find");
  form.onsubmit = async (event) => {
    event.preventDefault();
    const where = String(new FormData(form).get("where"));
    const found = await tell(viewer.query({ where, limit: 100 }));
    if (!found) return;
    const { numberMatched: all, numberReturned: shown } = found;
    find("#found").textContent = all > shown ? `${all} match; the first ${shown}:` : `${all} match`;
    find("#hits").replaceChildren(
      ...found.features.map((feature) => {
        const { name, class: kind, measuredHeight } = feature.properties;
        const line = row("li", name ?? feature.id, row("small", measuredHeight ? `${measuredHeight} m` : kind));
        line.onclick = () => choose(feature.id, feature);
        return line;
      }),
    );
  };
  form.requestSubmit();
}

/** Shows what is selected. */
function showPicked(pick) {
  const lines = Object.entries(pick?.attributes ?? {}).filter(([, value]) => value !== "");
  find("#picked").replaceChildren(...lines.flatMap(([name, value]) => [row("dt", name), row("dd", value)]));
}

/** A camera that looks at a feature from the south-east. */
function cameraAt({ geometry, properties }, city) {
  const ring = geometry.type === "Polygon" ? geometry.coordinates[0] : geometry.coordinates[0][0];
  const middle = (axis) => ring.reduce((sum, point) => sum + point[axis], 0) / ring.length;
  const [tall, ground] = [properties.measuredHeight ?? 10, city.extent?.[4] ?? 0];
  const [away, heading, pitch] = [150 + 2 * tall, 320, -30];
  const along = (degrees) => (away * Math.cos((pitch * Math.PI) / 180) * degrees) / 111_320;
  const [latitude, turn] = [middle(1), (heading * Math.PI) / 180];
  return {
    longitude: middle(0) - along(Math.sin(turn)) / Math.cos((latitude * Math.PI) / 180),
    latitude: latitude - along(Math.cos(turn)),
    height: ground + tall / 2 - away * Math.sin((pitch * Math.PI) / 180),
    heading,
    pitch,
  };
}

function row(kind, ...content) {
  const element = document.createElement(kind);
  element.append(...content);
  return element;
}

let quiet;
function toast(words) {
  const element = find("#toast");
  element.textContent = words;
  element.hidden = false;
  clearTimeout(quiet);
  quiet = setTimeout(() => (element.hidden = true), 3000);
}

/** What comes of a promise; where it fails, people are told why. */
const tell = (promise) => promise.catch((error) => void toast(error.message));

// The link: the states of both viewers, one of which is options for `mount`.
const saved = new URLSearchParams(location.hash.slice(1));
const state = (name) => JSON.parse(saved.get(name) ?? "null");

/** @type {Veduta | undefined} */
let right;
let selected = null;
/** @type {Veduta} */
const left = await view(find("#left"), state("left") ?? {});
// Everything that holds comes with the first `live`: who listens now misses nothing.
followPlay(left);
followFigures(left);
followAlarms(left, choose);
answerQuestions(left, choose);
find("#title").textContent = left.scene?.title || left.city?.title || "Veduta";

// The second view shows the same otherwise.
const { scene } = left;
const otherwise = { ...left.state, camera: scene?.cameras[1], style: [...(scene?.layers ?? []), ...STYLES.Height] };
right = await view(find("#right"), state("right") ?? otherwise);

// What is selected in one view is selected in the other.
selected = left.state.select;
for (const [viewer, other] of [[left, right], [right, left]]) {
  viewer.on("pick", (pick) => {
    showPicked(pick);
    const id = pick?.attributes.id ?? null;
    if (id === selected) return;
    selected = id;
    other.select(id);
  });
}

/** Selects an object; the right view flies to it where its place is known. */
async function choose(id, feature) {
  selected = id;
  feature ??= (await tell(left.query({ id })))?.features[0];
  for (const viewer of [left, right]) viewer?.select(id);
  if (feature?.geometry && left.city) right?.flyTo(cameraAt(feature, left.city));
}

find("#link").onclick = async () => {
  const words = new URLSearchParams({ left: JSON.stringify(left.state), right: JSON.stringify(right.state) });
  history.replaceState(null, "", `#${words}`);
  // Browsers have a clipboard only under TLS and on the machine itself.
  const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
  toast(copied ? "The link is in the clipboard." : "The link is in the address bar.");
};

// The page that the server shows: a city in the whole window. The address holds the view, so that a link shows the same:
// `#scene=…&camera=lon,lat,h,heading,pitch[,field of view]&select=…`; a camera may be one of the scene's by its name.

import { Veduta } from "./veduta.js";

const CAMERA = ["longitude", "latitude", "height", "heading", "pitch"];
const DIGITS = [6, 6, 1, 1, 1, 1];
const SPEEDS = [0.1, 1000];

const state = document.getElementById("state");

function said() {
  const words = new URLSearchParams(location.hash.slice(1));
  const numbers = words.get("camera")?.split(",").map(Number);
  const whole = [5, 6].includes(numbers?.length) && numbers.every(Number.isFinite);
  const [, , , , , angle] = numbers ?? [];
  const style = words.get("style");
  return {
    scene: words.get("scene") ?? undefined,
    city: words.get("city") ?? undefined,
    package: words.get("package") ?? undefined,
    renderer: words.get("renderer") ?? undefined,
    screen: words.get("screen") ?? undefined,
    select: words.get("select") ?? undefined,
    style: style ? JSON.parse(style) : undefined,
    time: words.get("time") ?? undefined,
    camera: whole
      ? { ...Object.fromEntries(CAMERA.map((name, i) => [name, numbers[i]])), ...(angle && { field_of_view: angle }) }
      : words.get("camera"),
  };
}

function remember(viewer) {
  const words = new URLSearchParams(location.hash.slice(1));
  const { camera, select, style, scene, city, package: address } = viewer.state;
  const put = (name, value) => (value ? words.set(name, value) : words.delete(name));
  put("scene", scene);
  put("city", scene ? undefined : city);
  put("package", address);
  const numbers = camera && [...CAMERA.map((name) => camera[name]), camera.field_of_view].filter((n) => n !== undefined);
  put("camera", numbers?.map((number, i) => number.toFixed(DIGITS[i])).join(","));
  put("select", select);
  put("style", style && JSON.stringify(style));
  history.replaceState(null, "", `#${words.toString().replaceAll("%2C", ",").replaceAll("%2F", "/")}`);
}

function progress(done, all) {
  const mebibytes = (bytes) => (bytes / 2 ** 20).toFixed(1);
  show(`Program: ${mebibytes(done)} of ${mebibytes(all)} MB`);
}

function show(words) {
  state.hidden = !words;
  state.textContent = words;
}

/** Asks for a token, and signs in with it. */
async function signIn() {
  const form = document.getElementById("sign-in");
  form.hidden = false;
  show("");
  for (;;) {
    const token = await new Promise((resolve) => {
      form.onsubmit = (event) => {
        event.preventDefault();
        resolve(new FormData(form).get("token"));
      };
    });
    const body = JSON.stringify({ token });
    const answer = await fetch("api/session", { method: "POST", headers: { "content-type": "application/json" }, body });
    if (answer.ok) break;
    document.getElementById("refused").textContent = (await answer.json()).detail || "This token is not good.";
  }
  form.hidden = true;
}

/** Keys of the play, as in the window. */
function listenToKeys(viewer) {
  let play;
  viewer.on("live", (live) => {
    play = live.play ?? play;
  });
  const faster = (factor) => viewer.speed(Math.min(SPEEDS[1], Math.max(SPEEDS[0], play.speed * factor)));
  const seek = (part) => {
    const [start, end, now] = [play.start, play.end, play.time].map((text) => new Date(text).getTime());
    return viewer.seek(new Date(Math.min(end, Math.max(start, now + (end - start) * part))));
  };
  const keys = {
    " ": () => (play.playing ? viewer.pause() : viewer.play()),
    "+": () => faster(2),
    "=": () => faster(2),
    "-": () => faster(0.5),
    ArrowRight: () => viewer.step(1),
    ArrowLeft: () => viewer.step(-1),
    PageDown: () => seek(0.05),
    PageUp: () => seek(-0.05),
    Backspace: () => viewer.seek(play.start),
    l: () => viewer.loop(!play.looping),
  };
  addEventListener("keydown", (event) => {
    if (!play || !keys[event.key] || event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    keys[event.key]().catch((error) => {
      show(error.message);
      setTimeout(() => show(""), 4000);
    });
  });
}

async function mount() {
  const element = document.getElementById("city");
  let settle;
  const later = () => {
    clearTimeout(settle);
    settle = setTimeout(() => remember(viewer), 300);
  };
  const viewer = await Veduta.mount(element, {
    ...said(),
    onProgress: progress,
    on: {
      pick: later,
      camera: later,
      loading: () => show("Tiles …"),
      complete: () => show(""),
      lost: () => show("The picture is lost; it comes again …"),
      recovered: () => show("Tiles …"),
      failed: async ({ message, signedOut }) => {
        show(message);
        if (!signedOut) return;
        await signIn();
        location.reload();
      },
      scene: ({ scene }) => {
        // It stays the screen that it is.
        const words = new URLSearchParams(location.hash.slice(1));
        for (const name of ["city", "package", "camera", "select", "style"]) words.delete(name);
        words.set("scene", scene);
        location.hash = words;
      },
    },
  });
  // What the viewer itself remembers changes the address without this.
  addEventListener("hashchange", () => location.reload());
  if (!viewer.stats?.complete) show("Tiles …");
  document.title = viewer.scene?.title || viewer.city?.title || "Veduta";
  listenToKeys(viewer);
  return viewer;
}

try {
  try {
    window.viewer = await mount();
  } catch (error) {
    if (error.status !== 401) throw error;
    await signIn();
    window.viewer = await mount();
  }
} catch (error) {
  show(String(error.message ?? error));
  throw error;
}

// Veduta in a page: `const viewer = await Veduta.mount(element, { scene: "demo" })`.
//
// A small loader: it finds out what the browser can draw with, fetches that bundle with progress in bytes, keeps the live
// connection, and begins anew where the device is lost. Everything that is drawn is drawn by the engine in WebAssembly.

/** @typedef {import("./veduta.d.ts").MountOptions} MountOptions */

const here = new URL(".", import.meta.url);
/** Beginnings anew in a minute at most: a device that is lost again and again is not there. */
const MOST_RECOVERIES = 4;
const RECONNECT_MS = [500, 1000, 2000, 4000, 8000];
/** After so long what is being computed is asked for again. */
const COMPUTED_MS = 2000;
/** Signs of a piece of the full font, as `scripts/web-fonts.py` cuts it. */
const SIGNS_OF_A_PIECE = 2048;
/** The server closes a live connection with these where nobody knows any more who asks, and where other objects may be seen. */
const [SIGNED_OUT, RIGHTS_CHANGED] = [4401, 4403];
let instances = 0;

/** What this browser can draw with: "webgpu" or "webgl2", null where it can do neither; and whether the card is really the processor. */
async function device(wish) {
  const isSoftware = (...names) => /swiftshader|llvmpipe|software/i.test(names.join(" "));
  const adapter = wish !== "webgl2" && (await navigator.gpu?.requestAdapter().catch(() => null));
  if (adapter) {
    const { vendor, architecture, description } = adapter.info ?? {};
    return ["webgpu", isSoftware(vendor, architecture, description)];
  }
  const gl = wish !== "webgpu" && document.createElement("canvas").getContext("webgl2");
  if (!gl) return [null, false];
  const names = gl.getExtension("WEBGL_debug_renderer_info");
  const software = isSoftware(names ? gl.getParameter(names.UNMASKED_RENDERER_WEBGL) : "");
  // A browser has few contexts, and takes them from those who draw.
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return ["webgl2", software];
}

/** The `all` bytes of a program as they come: `progress(bytes so far, bytes in all)`. */
async function fetched(url, all, progress) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`the server answers ${response.status}: ${url.pathname}`);
  let done = 0;
  const counted = response.body.pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        done += chunk.byteLength;
        progress(done, all);
        controller.enqueue(chunk);
      },
    }),
  );
  return new Response(counted, { headers: { "content-type": "application/wasm" } });
}

/** Workers that decode tiles, for all viewers of a page; they begin with the first tile, and anew where all have failed. */
class Decoders {
  #workers = [];
  #waiting = new Map();
  #next = 0;

  decode = (bytes) => {
    if (!this.#workers.length) this.#begin();
    const number = this.#next++;
    const worker = this.#workers[number % this.#workers.length];
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { worker, resolve, reject });
      worker.postMessage({ number, bytes }, [bytes.buffer]);
    });
  };

  #begin() {
    const own = new URL("worker.js", here);
    // A worker begins at the page's own origin; from there it may import its program from another one.
    const start = () => URL.createObjectURL(new Blob([`import ${JSON.stringify(own.href)}`], { type: "text/javascript" }));
    const program = own.origin === location.origin ? own : start();
    const count = Math.min(4, Math.max(1, (navigator.hardwareConcurrency ?? 2) - 1));
    this.#workers = Array.from({ length: count }, () => this.#worker(program));
  }

  #worker(program) {
    const worker = new Worker(program, { type: "module" });
    worker.onmessage = ({ data: { number, bytes, problem } }) => {
      const { resolve, reject } = this.#waiting.get(number);
      this.#waiting.delete(number);
      bytes ? resolve(bytes) : reject(problem);
    };
    // What it was to decode is refused, and asked for again: of the others, or of new ones where none is left.
    worker.onerror = (event) => {
      event.preventDefault();
      worker.terminate();
      for (const [number, waiting] of this.#waiting) {
        if (waiting.worker !== worker) continue;
        this.#waiting.delete(number);
        waiting.reject(`a worker has failed: ${event.message}`);
      }
      this.#workers = this.#workers.filter((one) => one !== worker);
    };
    return worker;
  }
}
const decoders = new Decoders();

/** Pieces of the full font, for all viewers of a page, by number: null where there is none, or where it did not come. */
const pieces = new Map();
const piece = (number) => {
  const bytes = async () => {
    const response = await fetch(new URL(`fonts/${number.toString(16)}.otf`, here));
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    if (response.status === 404) return null;
    throw new Error(`the server answers ${response.status}`);
  };
  // What did not come is asked for again by whoever needs it next.
  if (!pieces.has(number)) pieces.set(number, bytes().catch(() => (pieces.delete(number), null)));
  return pieces.get(number);
};

/** Calls `lost` when the device is lost that draws on a canvas. */
function watchDevice(canvas, lost) {
  canvas.addEventListener("webglcontextlost", () => lost("the graphics context is lost"), { once: true });
  const configure = globalThis.GPUCanvasContext?.prototype.configure;
  if (!configure || configure.watched) return;
  // Only the engine knows its device; it hands it over when it configures its canvas.
  const watching = function (configuration) {
    const of = this.canvas;
    configuration.device.lost.then((info) => of.dispatchEvent(new CustomEvent("devicelost", { detail: info.message })));
    return configure.call(this, configuration);
  };
  watching.watched = true;
  GPUCanvasContext.prototype.configure = watching;
}

export class Veduta {
  #element;
  #canvas;
  #engine;
  #server;
  #options;
  #listeners = new Map();
  #socket;
  #retry = 0;
  #style;
  #selected = null;
  /** Pieces of the full font that the engine has been given, or that there are none of. */
  #faces = new Set();
  /** Who waits for the picture. */
  #pictures = [];
  /** Questions of `pick` that wait, by number. */
  #picks = new Map();
  #questions = 0;
  /** Ends the watch over an engine that may trap. */
  #untrap = () => {};
  #recoveries = [];
  #ended = false;
  /** Which beginning counts: a later one, and the end, make those before it void. */
  #beginning = 0;

  /**
   * Shows a scene, a city or a package in an element.
   * @param {HTMLElement} element
   * @param {MountOptions} options
   */
  static async mount(element, options = {}) {
    const viewer = new Veduta();
    try {
      await viewer.#mount(element, options);
    } catch (error) {
      viewer.dispose();
      throw error;
    }
    return viewer;
  }

  async #mount(element, { on = {}, ...options }) {
    for (const [event, listener] of Object.entries(on)) this.on(event, listener);
    this.#element = element;
    const { server } = options;
    this.#server = server ? new URL(server.replace(/\/*$/, "/"), document.baseURI) : new URL("..", here);
    this.#options = options;
    const [renderer, software] = await device(options.renderer);
    if (!renderer) {
      throw new Error("this browser can draw with neither WebGPU nor WebGL 2; a newer one, or its graphics switched on, can");
    }
    this.renderer = renderer;
    this.software = options.software ?? software;
    if (options.style) this.#style = JSON.stringify(options.style);
    if (options.select) this.#selected = options.select;
    await this.#find();
    await this.#start(options.camera ? this.#place(options.camera) : undefined, ++this.#beginning);
    if (this.scene && options.live !== false) this.#connect();
  }

  /** Finds out what is shown: a package by its address, a scene, or the first that is served. */
  async #find() {
    const { scene, city, package: address } = this.#options;
    this.scene = null;
    if (address) {
      this.#options.address = new URL(address, document.baseURI).href;
      return;
    }
    let name = scene;
    if (!name && !city) name = await this.#firstScene();
    if (name) this.scene = await this.#json(`api/scenes/${encodeURIComponent(name)}`);
    const cities = await this.#json("api/city");
    const wanted = city ?? this.scene?.city ?? cities[0]?.name;
    const found = cities.find((one) => one.name === wanted);
    if (!found) throw new Error(wanted ? `no city '${wanted}' is served` : "nothing is served");
    this.city = found;
    this.#options.address = new URL(found.tileset.replace(/^\//, ""), this.#server).href.replace(/tileset\.json$/, "");
  }

  /** The first scene that is served; none for whoever may not see scenes as a whole. */
  async #firstScene() {
    try {
      return (await this.#json("api/scenarios"))[0]?.scene;
    } catch (error) {
      if (error.status === 403) return undefined;
      throw error;
    }
  }

  async #fetch(path, options = {}) {
    const headers = { ...options.headers };
    if (this.#options.token) headers.authorization = `Bearer ${this.#options.token}`;
    const response = await fetch(new URL(path, this.#server), { ...options, headers });
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({}));
    const words = [problem.title, problem.detail].filter(Boolean).join(": ");
    throw Object.assign(new Error(words || `the server answers ${response.status}`), { status: response.status });
  }

  async #json(path, options) {
    return (await this.#fetch(path, options)).json();
  }

  /** Begins an engine on a new canvas, as long as this `beginning` counts; the browser keeps its compiled code. */
  async #start(camera, beginning) {
    const number = ++instances;
    const folder = new URL(`${this.renderer}/`, here);
    const progress = this.#options.onProgress ?? (() => {});
    const address = new URL(`veduta.js?viewer=${number}`, folder);
    const glue = await import(address);
    await glue.default({ module_or_path: fetched(new URL("veduta_bg.wasm", folder), glue.programBytes, progress) });
    if (beginning !== this.#beginning) {
      glue.release();
      return;
    }
    const canvas = document.createElement("canvas");
    canvas.id = `veduta-${number}`;
    canvas.tabIndex = 0;
    this.#element.append(canvas);
    this.#canvas = canvas;
    const lost = (why) => canvas === this.#canvas && this.#recover(why);
    watchDevice(canvas, lost);
    canvas.addEventListener("devicelost", (event) => lost(event.detail), { once: true });
    // An engine that gets no more memory traps, and cannot tell.
    this.#untrap();
    const trapped = ({ error }) => {
      if (error instanceof WebAssembly.RuntimeError && String(error.stack).includes(address.search)) {
        lost(`the engine has stopped, perhaps for want of memory: ${error.message}`);
      }
    };
    addEventListener("error", trapped);
    this.#untrap = () => removeEventListener("error", trapped);
    const { memory, time, address: tiles, token, panel } = this.#options;
    // Whoever has asked for a view wants to stay there.
    const still = (this.#options.tour ?? !this.#options.camera) === false && { tour: null };
    const bare = panel === false && { panel: { ...this.scene?.panel, indicators: [], alarms: false, time_bar: false, legend: false } };
    const scene = this.scene ? { ...this.scene, ...bare, ...still } : undefined;
    const options = { software: this.software, memory, time, camera, scene, panel, token };
    const tell = (event, what) => {
      // Its memory goes with it, once it has done the last thing.
      if (event === "ended") return setTimeout(glue.release);
      if (canvas !== this.#canvas) return;
      if (event === "fault") return this.#recover(what);
      if (event === "signs") return this.#bring(JSON.parse(what));
      this.#tell(event, typeof what === "string" ? JSON.parse(what) : what);
    };
    this.#faces.clear();
    const engine = await glue.mount(`#${canvas.id}`, tiles, JSON.stringify(options), tell, decoders.decode);
    if (beginning !== this.#beginning) {
      engine.dispose();
      canvas.remove();
      return;
    }
    this.#engine = engine;
    if (this.#style) this.#engine.setStyle(this.#style);
    if (this.#selected) this.#engine.select(this.#selected);
    if (this.scene) this.#furnish();
  }

  /** Fetches what is drawn besides the city: what the variant adds, and the water of simulations as soon as it is computed. */
  async #furnish() {
    const [canvas, engine] = [this.#canvas, this.#engine];
    const { scene, added, runs } = this.scene;
    const current = () => canvas === this.#canvas && !this.#ended;
    const bytes = async (path) => {
      while (current()) {
        try {
          const response = await this.#fetch(`api/scenes/${encodeURIComponent(scene)}/${path}`);
          if (response.status !== 202) return new Uint8Array(await response.arrayBuffer());
        } catch (error) {
          // What the server refuses stays refused; a server that does not answer comes again.
          if (error.status) throw error;
        }
        await new Promise((done) => setTimeout(done, COMPUTED_MS));
      }
      return null;
    };
    try {
      const objects = added !== null && (await bytes("added"));
      if (objects && current()) engine.addObjects(objects);
      for (const { name, start } of runs) {
        const run = await bytes(`runs/${encodeURIComponent(name)}`);
        if (run && current()) engine.addRun(name, start, run);
      }
    } catch (error) {
      if (current()) engine.trouble(`scene: ${error.message}`);
    }
  }

  /** Brings the pieces of the full font that have signs (code points) which the engine's own face lacks. */
  async #bring(signs) {
    const [canvas, engine] = [this.#canvas, this.#engine];
    const wanted = new Set(signs.map((sign) => Math.floor(sign / SIGNS_OF_A_PIECE)));
    for (const number of wanted) {
      if (canvas !== this.#canvas) return;
      if (this.#faces.has(number)) continue;
      this.#faces.add(number);
      const bytes = await piece(number);
      if (bytes && canvas === this.#canvas) engine.addFace(bytes);
    }
  }

  /** A device was lost, the engine has failed, or tiles and rows are others: begins anew where the camera was. */
  async #recover(why, first = async () => {}) {
    if (this.#ended) return;
    const now = performance.now();
    this.#recoveries = [...this.#recoveries.filter((then) => now - then < 60_000), now];
    const beginning = ++this.#beginning;
    const current = () => beginning === this.#beginning;
    const camera = this.camera ?? undefined;
    const old = this.#canvas;
    this.#canvas = null;
    this.#socket?.close();
    this.#nobodyWaits();
    try {
      this.#engine?.dispose();
    } catch {
      // What has failed need not end in order.
    }
    old?.remove();
    if (this.#recoveries.length > MOST_RECOVERIES) {
      this.#fail({ message: `the picture is lost again and again: ${why}` });
      return;
    }
    this.#tell("lost", { message: why });
    for (let retry = 0; current(); retry++) {
      try {
        await first();
        if (current()) await this.#start(camera, beginning);
        if (!current()) return;
        if (this.scene && this.#options.live !== false) this.#connect();
        this.#tell("recovered", { seconds: (performance.now() - now) / 1000 });
        return;
      } catch (error) {
        // Where the network is away it comes again; what the server refuses stays refused.
        const passes = error instanceof TypeError && retry < RECONNECT_MS.length;
        if (current() && !passes) this.#fail(error);
        if (!passes) return;
        this.#canvas?.remove();
        await new Promise((done) => setTimeout(done, RECONNECT_MS[retry]));
      }
    }
  }

  #fail({ message, status }) {
    this.#tell("failed", { message: String(message), signedOut: status === 401 });
  }

  /** Whether the server knows who asks. Where it does not answer, nobody can say. */
  async #isKnown() {
    try {
      return (await this.#json("api/session")).role !== undefined;
    } catch (error) {
      return error.status !== 401;
    }
  }

  #signedOut() {
    this.#engine.trouble("请重新登录 sign in again");
    this.#fail({ message: "what this viewer has signed in with is no longer good: sign in again", status: 401 });
  }

  /** Keeps the live connection: values, figures, alarms, the play. */
  async #connect() {
    const canvas = this.#canvas;
    const current = () => canvas === this.#canvas && !this.#ended && this.#options.live !== false;
    const address = new URL("api/live", this.#server);
    address.protocol = address.protocol.replace("http", "ws");
    try {
      if (this.#options.token) {
        const { ticket } = await this.#json("api/session/ticket", { method: "POST" });
        address.searchParams.set("ticket", ticket);
      }
    } catch (error) {
      if (!current()) return;
      if (error.status === 401) return this.#signedOut();
      this.#engine.trouble(`live: ${error.message}`);
    }
    if (!current()) return;
    const socket = new WebSocket(address);
    const before = this.#socket;
    this.#socket = socket;
    before?.close();
    socket.binaryType = "arraybuffer";
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.#retry = 0;
      this.#engine.trouble(undefined);
      const { scene } = this.scene;
      socket.send(JSON.stringify({ subscribe: { scene, rate: this.#options.rate ?? 10 } }));
      const { screen: name } = this.#options;
      const { width, height } = canvas;
      if (name) socket.send(JSON.stringify({ screen: { name, width, height } }));
    };
    socket.onmessage = ({ data }) => {
      if (!current() || socket !== this.#socket) return;
      const { live, scene } = JSON.parse(this.#engine.live(new Uint8Array(data)));
      if (live) this.#tell("live", live);
      if (scene && scene !== this.scene.scene) this.#tell("scene", { scene });
    };
    socket.onclose = async ({ code }) => {
      // A browser does not tell that a server has refused a connection: a server that was started anew knows no session.
      const isKnown = code !== SIGNED_OUT && (opened || (await this.#isKnown()));
      if (!current() || socket !== this.#socket) return;
      if (!isKnown) return this.#signedOut();
      if (code === RIGHTS_CHANGED) {
        this.#recover("what may be seen is another now", () => this.#find());
        return;
      }
      this.#engine.trouble("实时连接中断 live connection lost");
      const wait = RECONNECT_MS[Math.min(this.#retry++, RECONNECT_MS.length - 1)];
      setTimeout(() => current() && this.#connect(), wait * (0.75 + Math.random() / 2));
    };
  }

  #tell(event, what) {
    if (event === "drawn") {
      for (const { take } of this.#pictures.splice(0)) take();
      return;
    }
    if (event === "picked") {
      this.#picks.get(what.number)?.(what.what);
      this.#picks.delete(what.number);
      return;
    }
    if (event === "pick") this.#selected = what?.attributes.id ?? null;
    for (const listener of this.#listeners.get(event) ?? []) listener(what);
  }

  /**
   * Calls `listener` at each `event`; gives back a function that ends it. Who comes late to `live` is told what holds.
   */
  on(event, listener) {
    const all = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, all.add(listener));
    const known = event === "live" && JSON.parse(this.#engine?.known() ?? "null");
    if (known) queueMicrotask(() => all.has(listener) && listener(known));
    return () => all.delete(listener);
  }

  /** Flies to a camera, or to a camera of the scene by its name; at once where `seconds` is 0. */
  flyTo(camera, seconds = 2) {
    this.#engine.flyTo(JSON.stringify(this.#place(camera)), seconds);
  }

  /** Where a camera is that is given by itself or by its name in the scene. */
  #place(camera) {
    const named = typeof camera === "string" ? this.scene?.cameras.find(({ name }) => name === camera) : camera;
    if (!named) throw new Error(`the scene has no camera '${camera}'`);
    const { name: _, ...place } = named;
    return place;
  }

  /** Where the camera is; null before the first frame. */
  get camera() {
    return JSON.parse(this.#engine?.camera() || "null");
  }

  /** Figures of streaming and drawing; null before the first frame. */
  get stats() {
    const stats = JSON.parse(this.#engine?.stats() || "null");
    return stats && { ...stats, programBytes: this.#engine.memory() };
  }

  /** Picks what is under a point of the element, CSS pixels from its upper left corner, as a click does. */
  async pick(x, y) {
    if (!this.#canvas) return null;
    const { width, height } = this.#canvas.getBoundingClientRect();
    const number = ++this.#questions;
    this.#engine.pick((x / width) * 2 - 1, 1 - (y / height) * 2, number);
    return new Promise((resolve) => this.#picks.set(number, resolve));
  }

  /** What is asked of a picture that is gone: picks hit nothing. */
  #nobodyWaits() {
    for (const resolve of this.#picks.values()) resolve(null);
    this.#picks.clear();
    for (const { refuse } of this.#pictures.splice(0)) refuse();
  }

  /** Selects an object by its identifier as soon as it is drawn; none where nothing is given. */
  select(id) {
    this.#selected = id ?? null;
    this.#engine.select(id ?? undefined);
  }

  /** Objects of the city that match, as GeoJSON; the keys are the parameters of `/api/city/{city}/objects`. */
  query(question) {
    if (!this.city) throw new Error("only a city that a server serves can be asked");
    const said = Object.entries(question).filter(([, value]) => value !== undefined);
    return this.#json(`api/city/${encodeURIComponent(this.city.name)}/objects?${new URLSearchParams(said)}`);
  }

  /** Shows the city by other layers, as `[[layer]]` in a scene. */
  setStyle(layers) {
    const style = JSON.stringify(layers);
    this.#engine.setStyle(style);
    this.#style = style;
  }

  /** Ends or begins the live connection. */
  setLive(live) {
    this.#options.live = live;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    if (live && this.scene) this.#connect();
  }

  #steer(action, more = {}) {
    const body = JSON.stringify({ scene: this.scene?.scene, action, ...more });
    return this.#json("api/playback", { method: "POST", headers: { "content-type": "application/json" }, body });
  }

  /** Plays on. Steering takes the role operator, and everybody who watches sees it. */
  play() {
    return this.#steer("play");
  }

  /** Stops where it is. */
  pause() {
    return this.#steer("pause");
  }

  /** Goes to an instant (RFC 3339 or a Date). */
  seek(time) {
    return this.#steer("seek", { time: time instanceof Date ? time.toISOString() : time });
  }

  /** Goes some steps on or back, and pauses. */
  step(steps = 1) {
    return this.#steer("step", { steps });
  }

  /** Played seconds a second. */
  speed(speed) {
    return this.#steer("speed", { speed });
  }

  /** Whether the play begins again at its end. */
  loop(looping) {
    return this.#steer("loop", { looping });
  }

  /** The picture as it is now. */
  async screenshot() {
    const canvas = this.#canvas;
    if (!canvas) throw new Error("there is no picture: it is lost, or the viewer has ended");
    return new Promise((resolve, reject) => {
      this.#pictures.push({
        // The canvas holds it only until the browser has shown it.
        take: () => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser gives no picture"))), "image/png"),
        refuse: () => reject(new Error("the picture is lost")),
      });
      this.#engine.picture();
    });
  }

  /** All that a link needs to show the same again: options for `mount`. */
  get state() {
    const { scene, city, package: address, time, tour, panel, live } = this.#options;
    const shown = { scene: scene ?? this.scene?.scene, city, package: address, camera: this.camera, select: this.#selected };
    const state = { ...shown, time, tour, panel, live };
    if (this.#style) state.style = JSON.parse(this.#style);
    return state;
  }

  /** Ends the viewer and takes its canvas away. */
  dispose() {
    this.#ended = true;
    this.#beginning++;
    this.#untrap();
    this.#socket?.close();
    this.#nobodyWaits();
    this.#engine?.dispose();
    this.#canvas?.remove();
    this.#listeners.clear();
  }
}

// Loaded before a viewer: measures every frame that it draws, the same way for all of them, without its help.
//
// A frame is synced: when the viewer's callback for the frame ends, one pixel is read (WebGL) or the queue is awaited (WebGPU).
// Without that the time is fiction: the browser takes commands long before it has drawn them.

(() => {
  const SETTLE_FRAMES = 10;
  /** A frame with as many triangles shows a tile; where a viewer draws more of its own, its page says it. */
  const TILE_TRIANGLES = 2000;

  const state = {
    contexts: new Set(),
    devices: new Set(),
    memories: new Set(),
    frames: [],
    triangles: 0,
    draws: 0,
    firstTile: null,
    complete: null,
  };

  const TRIANGLES = 4;
  const count = (indices, instances = 1) => {
    state.triangles += (indices / 3) * instances;
    state.draws += 1;
  };
  const wrap = (prototype, name, before) => {
    const own = prototype?.[name];
    if (!own) return;
    prototype[name] = function (...given) {
      before(...given);
      return own.apply(this, given);
    };
  };
  const gl = globalThis.WebGL2RenderingContext?.prototype;
  wrap(gl, "drawElements", (mode, n) => count(mode === TRIANGLES ? n : 0));
  wrap(gl, "drawRangeElements", (mode, _start, _end, n) => count(mode === TRIANGLES ? n : 0));
  wrap(gl, "drawArrays", (mode, _first, n) => count(mode === TRIANGLES ? n : 0));
  wrap(gl, "drawElementsInstanced", (mode, n, _type, _at, instances) => count(mode === TRIANGLES ? n : 0, instances));
  wrap(gl, "drawArraysInstanced", (mode, _first, n, instances) => count(mode === TRIANGLES ? n : 0, instances));
  const pass = globalThis.GPURenderPassEncoder?.prototype;
  wrap(pass, "draw", (n, instances) => count(n, instances));
  wrap(pass, "drawIndexed", (n, instances) => count(n, instances));
  // How much is drawn, only the card knows.
  for (const name of ["drawIndirect", "drawIndexedIndirect"]) wrap(pass, name, () => count(NaN));
  wrap(globalThis.GPUCanvasContext?.prototype, "configure", ({ device }) => state.devices.add(device));

  const getContext = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
    const context = getContext.call(this, kind, ...more);
    // Only the viewer's canvas stands in the page; others are made to ask what the browser can do.
    if (context && kind === "webgl2") state.contexts.add(context);
    return context;
  };

  for (const name of ["instantiate", "instantiateStreaming"]) {
    const own = WebAssembly[name];
    WebAssembly[name] = async (...given) => {
      const made = await own.apply(WebAssembly, given);
      const held = Object.values((made.instance ?? made).exports).filter((one) => one instanceof WebAssembly.Memory);
      held.forEach((memory) => state.memories.add(memory));
      return made;
    };
  }

  const pixel = new Uint8Array(4);
  function readPixel(context) {
    const before = context.getParameter(context.READ_FRAMEBUFFER_BINDING);
    const pack = context.getParameter(context.PIXEL_PACK_BUFFER_BINDING);
    context.bindFramebuffer(context.READ_FRAMEBUFFER, null);
    context.bindBuffer(context.PIXEL_PACK_BUFFER, null);
    context.readPixels(0, 0, 1, 1, context.RGBA, context.UNSIGNED_BYTE, pixel);
    context.bindBuffer(context.PIXEL_PACK_BUFFER, pack);
    context.bindFramebuffer(context.READ_FRAMEBUFFER, before);
  }

  function drawn(start, called) {
    const frame = {
      start,
      script: called - start,
      synced: performance.now() - start,
      triangles: Number.isNaN(state.triangles) ? null : Math.round(state.triangles),
      draws: state.draws,
    };
    if (frame.draws === 0) return;
    state.triangles = 0;
    state.draws = 0;
    state.frames.push(frame);
    const tile = measure.hasTile ? measure.hasTile() : frame.triangles >= TILE_TRIANGLES;
    if (state.firstTile === null && tile) state.firstTile = performance.now();
    if (state.complete === null && state.firstTile !== null && measure.isComplete?.()) state.complete = performance.now();
    measure.onFrame?.(state.frames.length);
  }

  const request = globalThis.requestAnimationFrame.bind(globalThis);
  const cancel = globalThis.cancelAnimationFrame.bind(globalThis);
  /** Callbacks that wait for the frame before: the browser has called them and would cancel them no more. */
  const waiting = new Set();
  globalThis.cancelAnimationFrame = (id) => {
    waiting.delete(id);
    cancel(id);
  };
  let busy = null;
  globalThis.requestAnimationFrame = (callback) => {
    const run = async (time) => {
      waiting.add(id);
      await busy;
      if (!waiting.delete(id)) return;
      const start = performance.now();
      callback(time);
      const called = performance.now();
      if (state.devices.size > 0) {
        // A device that is lost answers with an error, and draws no more.
        busy = Promise.allSettled([...state.devices].map((device) => device.queue.onSubmittedWorkDone()));
        await busy;
      } else {
        [...state.contexts].filter((context) => context.canvas.isConnected).forEach(readPixel);
      }
      drawn(start, called);
    };
    const id = request(run);
    return id;
  };

  /** Where the camera is in step `i`: to and fro on a circle around the city, always over the same ten degrees to a side. */
  function camera(i) {
    const [longitude, latitude] = [121.9, 30.89];
    const [distance, height, pitch, step, steps] = [2900, 1500, -28, 0.2, 50];
    const turn = i % (4 * steps);
    const heading = step * (turn < steps ? turn : turn < 3 * steps ? 2 * steps - turn : turn - 4 * steps);
    const [north, east] = [Math.cos((heading * Math.PI) / 180), Math.sin((heading * Math.PI) / 180)];
    return {
      longitude: longitude - (east * distance) / (111_320 * Math.cos((latitude * Math.PI) / 180)),
      latitude: latitude - (north * distance) / 110_850,
      height,
      heading,
      pitch,
    };
  }

  const at = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  const spread = (values) => {
    const sorted = values.toSorted((a, b) => a - b);
    return { p50: at(sorted, 0.5), p95: at(sorted, 0.95) };
  };

  const measure = {
    /** Between the lower and the upper border of the picture, radians. */
    fieldOfView: 0.8,
    camera,
    /**
     * The viewer's page says here whether everything in sight is there, how the camera is put somewhere, and, where
     * triangles do not tell it, whether a tile is drawn.
     */
    isComplete: null,
    hasTile: null,
    move: null,
    onFrame: null,
    /** Lets the camera move until everything that a first movement causes is done. */
    async settle() {
      let step = 0;
      measure.onFrame = () => measure.move(camera(++step));
      while (step < SETTLE_FRAMES) await new Promise((done) => setTimeout(done, 20));
    },
    /** The frames of so many milliseconds in which the camera moves. */
    async run(milliseconds) {
      const first = state.frames.length;
      await new Promise((done) => setTimeout(done, milliseconds));
      measure.onFrame = null;
      const frames = state.frames.slice(first);
      const intervals = frames.slice(1).map((frame, i) => frame.start - frames[i].start);
      return {
        frames: frames.length,
        synced: spread(frames.map((frame) => frame.synced)),
        script: spread(frames.map((frame) => frame.script)),
        interval: spread(intervals),
        triangles: spread(frames.map((frame) => frame.triangles)).p50,
        draws: spread(frames.map((frame) => frame.draws)).p50,
      };
    },
    state,
  };
  globalThis.measure = measure;
})();

// A small line chart on a canvas: a value over time, its range, the value under the pointer; a click tells an instant. No
// library: everything that the page needs comes from its own server.

/** Points kept at most; of more, every second one goes. */
const MOST_POINTS = 2000;
/** Without a range of its own a chart shows so many milliseconds. */
const WINDOW_MS = 600_000;
const MARGIN = { left: 40, right: 10, top: 8, bottom: 20 };
const COLORS = { normal: "#35c9ff", warning: "#f2c14e", critical: "#ff5c5c", unknown: "#7c8b99" };

/** Round steps that divide `from` to `to` into about `count`. */
function ticks(from, to, count) {
  const rough = (to - from) / count;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * size).find((step) => step >= rough);
  const first = Math.ceil(from / step - 1e-9);
  return Array.from({ length: Math.floor(to / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
}

const figures = (value) => value.toLocaleString("en", { maximumSignificantDigits: 3 });

export class Chart {
  /** As `on("live")` tells it: normal, warning, critical, unknown. */
  state = "unknown";
  /** @type {[number, number][]} */
  #points = [];
  #pointer = null;
  #due = false;
  #span;

  /** `zone`: milliseconds by which the clocks shown are ahead of UTC; `seek` is told the instant of a click. */
  constructor(parent, { title, unit, zone = 0, seek = (_instant) => {} }) {
    this.zone = zone;
    this.unit = unit;
    this.element = document.createElement("figure");
    this.element.innerHTML = "<figcaption><span></span><small></small><strong></strong></figcaption><canvas></canvas>";
    this.element.querySelector("span").textContent = title;
    this.canvas = this.element.querySelector("canvas");
    parent.append(this.element);
    const point = (x) => {
      this.#pointer = x;
      this.#draw();
    };
    this.canvas.onpointermove = ({ offsetX }) => point(offsetX);
    this.canvas.onpointerleave = () => point(null);
    this.canvas.onclick = ({ offsetX }) => seek(this.#instant(offsetX));
    new ResizeObserver(() => this.#draw()).observe(this.canvas);
  }

  /** A value at an instant. What is known of later instants is forgotten: a play has gone back. */
  add(time, value) {
    this.#forget(time - 1);
    this.#points.push([time, value]);
    if (this.#points.length > MOST_POINTS) this.#points = this.#points.filter((_, i) => i % 2);
  }

  /** Shows it as it is now, over a range of instants where one is given. */
  show(now, range) {
    this.#forget(now);
    this.#span = range ?? [now - WINDOW_MS, now];
    this.now = now;
    this.#draw();
  }

  #forget(after) {
    while (this.#points.length && this.#points.at(-1)[0] > after) this.#points.pop();
  }

  #instant(x) {
    const [from, to] = this.#span;
    const part = (x - MARGIN.left) / (this.canvas.clientWidth - MARGIN.left - MARGIN.right);
    return from + Math.min(1, Math.max(0, part)) * (to - from);
  }

  /** Draws before the next frame, however often it is called. */
  #draw() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      if (this.#span) this.#drawNow();
    });
  }

  #drawNow() {
    const { canvas } = this;
    const [width, height, scale] = [canvas.clientWidth, canvas.clientHeight, devicePixelRatio];
    [canvas.width, canvas.height] = [width * scale, height * scale];
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.font = "10px system-ui, sans-serif";

    // The value axis: room above and below, and never flat.
    const shown = this.#points.filter(([time]) => time >= this.#span[0]);
    const values = shown.map(([, value]) => value);
    const [least, most] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
    const room = Math.max((most - least) * 0.15, Math.abs(most) * 0.02, 1e-6);
    const [low, high] = [least >= 0 ? Math.max(0, least - room) : least - room, most + room];
    const [from, to] = this.#span;
    const x = (time) => MARGIN.left + ((time - from) / (to - from)) * (width - MARGIN.left - MARGIN.right);
    const y = (value) => height - MARGIN.bottom - ((value - low) / (high - low)) * (height - MARGIN.top - MARGIN.bottom);

    this.#drawAxes(pen, { width, height, low, high, x, y });
    if (!shown.length) return;
    const color = COLORS[this.state];
    this.#drawLine(pen, shown, color, { x, y, foot: height - MARGIN.bottom });

    // What the pointer is at, else what holds now.
    const instant = this.#pointer === null ? this.now : Math.min(this.now, this.#instant(this.#pointer));
    const [, value] = shown.findLast(([time]) => time <= instant) ?? shown[0];
    if (this.#pointer !== null) {
      pen.strokeStyle = "#5b6b79";
      pen.setLineDash([3, 3]);
      pen.strokeRect(x(instant), MARGIN.top, 0, height - MARGIN.top - MARGIN.bottom);
    }
    pen.fillStyle = color;
    pen.beginPath();
    pen.arc(x(instant), y(value), 3, 0, 7);
    pen.fill();
    const [, clock, number] = this.element.querySelector("figcaption").children;
    clock.textContent = this.#pointer === null ? "" : this.#clock(instant);
    number.textContent = `${figures(value)} ${this.unit}`;
    number.className = this.state;
  }

  #clock(time) {
    return new Date(time + this.zone).toISOString().slice(11, 16);
  }

  #drawAxes(pen, { width, height, low, high, x, y }) {
    pen.lineWidth = 1;
    pen.strokeStyle = "#22303c";
    pen.fillStyle = "#7c8b99";
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const value of ticks(low, high, 4)) {
      pen.strokeRect(MARGIN.left, Math.round(y(value)) + 0.5, width - MARGIN.left - MARGIN.right, 0);
      pen.fillText(figures(value), MARGIN.left - 6, y(value));
    }
    const [from, to] = this.#span;
    const minutes = (to - from) / 60_000;
    const step = [1, 2, 5, 10, 30, 60, 120, 180, 360, 720, 1440].find((step) => minutes / step <= width / 60) ?? 1440;
    pen.textAlign = "center";
    pen.textBaseline = "alphabetic";
    const first = Math.ceil((from + this.zone) / (step * 60_000));
    for (let i = first; i * step * 60_000 - this.zone <= to; i++) {
      const time = i * step * 60_000 - this.zone;
      pen.fillText(this.#clock(time), Math.min(Math.max(x(time), MARGIN.left), width - 16), height - 5);
    }
  }

  #drawLine(pen, points, color, { x, y, foot }) {
    const end = x(this.now);
    const line = new Path2D();
    points.forEach(([time, value], i) => (i ? line.lineTo(x(time), y(value)) : line.moveTo(x(time), y(value))));
    line.lineTo(end, y(points.at(-1)[1]));
    const area = new Path2D(line);
    area.lineTo(end, foot);
    area.lineTo(x(points[0][0]), foot);
    const fade = pen.createLinearGradient(0, MARGIN.top, 0, foot);
    fade.addColorStop(0, `${color}55`);
    fade.addColorStop(1, `${color}00`);
    pen.fillStyle = fade;
    pen.fill(area);
    pen.strokeStyle = color;
    pen.lineWidth = 1.75;
    pen.lineJoin = "round";
    pen.stroke(line);
  }
}

/** A camera: degrees, and metres above the ellipsoid. */
export interface Camera {
  /** East positive. */
  longitude: number;
  /** North positive. */
  latitude: number;
  /** Metres above the ellipsoid. */
  height: number;
  /** Clockwise from north. */
  heading: number;
  /** Above the horizon; -90 looks straight down. */
  pitch: number;
  /** From the lower to the upper edge of the picture; as it is where absent. */
  field_of_view?: number | null;
}

/** A camera of a scene. */
export interface NamedCamera extends Camera {
  name: string;
}

/** Colours along an expression's value; between two stops the mix, beyond the ends the end. */
export interface Ramp {
  /** An expression over attributes and live values: `measuredHeight`. */
  by: string;
  /** Rising values with their colours. */
  stops: [value: number, color: string][];
  /** Where the expression has no value. */
  missing?: string | null;
}

/** A layer, as `[[layer]]` in a scene document: which objects, and how they look. Later layers win. */
export interface Layer {
  /** Unique in its list. */
  name: string;
  /** Only objects of this class. */
  class?: string | null;
  /** Only objects for which this expression is true: `measuredHeight > 150`. */
  where?: string | null;
  visible?: boolean | null;
  /** `#rrggbb` or `#rrggbbaa`. */
  color?: string | null;
  ramp?: Ramp | null;
  /** Factor on the drawn height, an expression. */
  height?: string | null;
  label?: {
    /** Expression that gives the words. */
    text: string;
    /** Drawn up to this distance, metres. */
    within_m?: number | null;
    /** At most this many at once, nearest first. */
    limit?: number | null;
  } | null;
}

/** A scene, as `/api/scenes/SCENE` answers. */
export interface Scene {
  /** Its name in addresses. */
  readonly scene: string;
  readonly title: string;
  /** Name of the city that it is about. */
  readonly city: string;
  readonly layers: Layer[];
  /** Named views, the first one first. */
  readonly cameras: NamedCamera[];
  /** Row of the first object that the variant adds; null where it adds nothing. */
  readonly added: number | null;
  /** Simulations of the play, and when they begin (RFC 3339). */
  readonly runs: { name: string; start: string }[];
  /** Where the camera flies while nobody moves it. */
  readonly tour: { cameras: string[]; hold_s: number; flight_s: number } | null;
  /** What the viewer writes beside the city. */
  readonly panel: { indicators: string[]; alarms: boolean; time_bar: boolean; legend: boolean };
  /** The instant whose sun shines where nothing moves (RFC 3339). */
  readonly sun: string | null;
  /** Seconds by which the city's clocks are ahead of UTC. */
  readonly zone_s: number;
}

/** A city, as `/api/city` lists it. */
export interface City {
  /** Its name in addresses. */
  readonly name: string;
  readonly title: string;
  /** Another one as soon as the city is another. */
  readonly version: string;
  /** West, south, east, north in degrees, lowest and highest in metres above the ellipsoid. */
  readonly extent: [number, number, number, number, number, number] | null;
  /** Where its coordinates begin: longitude, latitude, metres above the ellipsoid. */
  readonly anchor: [number, number, number];
  readonly objects: number;
  /** Absent where something of it is withheld from who asks. */
  readonly triangles?: number;
  /** Objects of each class. */
  readonly counts: Record<string, number>;
  readonly tileset: string;
  readonly terrain?: string;
}

/** What streaming and drawing cost now. */
export interface Stats {
  /** Frames drawn since the beginning. */
  frames: number;
  /** Tiles in the picture. */
  tiles: number;
  /** Bytes of tiles now, and at most so far. */
  usedBytes: number;
  peakBytes: number;
  /** Tiles that could not be had, and why. */
  failures: number;
  problems: string[];
  /** Whether everything in sight is there, as fine as it is needed. */
  complete: boolean;
}

/** What a click was on. */
export interface Pick {
  /** Row of the object table; live values call objects by it. */
  row: number;
  /** Longitude, latitude in degrees, metres above the ellipsoid. */
  place: [number, number, number];
  /** What the tile says of the object, in the order of its source; `id` and `class` among it. */
  attributes: Record<string, string>;
}

/** A figure of an indicator. */
export interface Figure {
  indicator: string;
  title: string;
  /** UCUM; `1` or empty where it has none. */
  unit: string;
  /** The value aimed at; null where there is none. */
  target: number | null;
  /** The object it is for; null for the city or an area. */
  row: number | null;
  /** null where it is not known. */
  value: number | null;
  state: "unknown" | "normal" | "warning" | "critical";
}

/** A live property of an object: its own value, else what everything in it amounts to. */
export interface LiveValue {
  row: number;
  property: string;
  unit: string;
  value: number | string | boolean | null;
}

/** An alarm that is raised, or no more. */
export interface Alarm {
  /** Name of its rule; empty for one that an event raised. */
  alarm: string;
  /** Identifier of the object; empty for the city. */
  object: string;
  row: number | null;
  raised: boolean;
  severity: "info" | "warning" | "critical";
  message: string;
}

/** Where a play is. */
export interface Play {
  /** The shown, the first and the last instant (RFC 3339). */
  time: string;
  start: string;
  end: string;
  playing: boolean;
  /** Whether it begins again at its end. */
  looping: boolean;
  /** Played seconds a second. */
  speed: number;
}

/** A play as the server answers orders. */
export interface PlayState extends Play {
  scene: string;
  step_s: number;
}

/** What has changed; first everything. What is here replaces what was known under the same indicator, property, alarm and row. */
export interface Live {
  /** The scene's instant (RFC 3339). */
  time: string;
  indicators: Figure[];
  /** At most 1000; the picture shows all. */
  values: LiveValue[];
  alarms: Alarm[];
  /** null where there is no play, or where it has not changed. */
  play: Play | null;
}

/** Parameters of `/api/city/CITY/objects`; all that are given must hold, and of `at`, `bbox` and `near` one is given. */
export interface Query {
  /** Identifiers, by commas. */
  id?: string | string[];
  /** An expression over `id`, `class`, `name`, `parent` and attributes. */
  where?: string;
  /** Words that all stand in identifier, name, class or text attributes. */
  text?: string;
  class?: string;
  /** Longitude, latitude. */
  at?: string | [number, number];
  /** West, south, east, north; or west, south, lowest, east, north, highest. */
  bbox?: string | number[];
  /** Longitude, latitude; with `radius` in metres. */
  near?: string | [number, number];
  radius?: string | number;
  /** Longitude, latitude, height, heading, pitch: what the ray meets, nearest first. */
  ray?: string | [number, number, number, number, number];
  /** 100 where nothing is said; 10 000 at most. */
  limit?: string | number;
  /** Objects to pass over. */
  offset?: string | number;
}

/** Objects as GeoJSON (RFC 7946). */
export interface FeatureCollection {
  type: "FeatureCollection";
  /** How many match in all. */
  numberMatched: number;
  numberReturned: number;
  links: { href: string; rel: string; type: string }[];
  features: Feature[];
}

export interface Feature {
  type: "Feature";
  id: string;
  /** The footprint; null for what is nowhere. */
  geometry: { type: string; coordinates: any } | null;
  /** Attributes by name, and `class`, `name`, `parent`. */
  properties: Record<string, any>;
}

/** Events and what they say. */
export interface Events {
  /** The camera has moved. */
  camera: Camera;
  /** Something else is selected, by a click, `pick` or `select`; null where it is nothing. */
  pick: Pick | null;
  /** Everything in sight is there. */
  complete: Stats;
  /** Something in sight is still to come. */
  loading: Stats;
  /** The server says what is new. */
  live: Live;
  /** An operator wants another scene on this screen. */
  scene: { scene: string };
  /** The picture is lost (a device, memory); the viewer begins anew by itself. */
  lost: { message: string };
  /** It is there again. */
  recovered: { seconds: number };
  /** It does not come again: nothing more happens. `signedOut`: whoever looks must sign in again. */
  failed: { message: string; signedOut: boolean };
}

/** All that a link needs to show the same again: options for `mount`. */
export interface State {
  scene?: string | undefined;
  city?: string | undefined;
  package?: string | undefined;
  camera: Camera | null;
  /** Identifier of the selected object. */
  select: string | null;
  style?: Layer[] | undefined;
  time?: string | undefined;
  tour?: boolean | undefined;
  panel?: boolean | undefined;
  live?: boolean | undefined;
}

export interface MountOptions {
  /** Name of a scene that the server serves. Where neither scene nor city nor package is named: the first that is served. */
  scene?: string | undefined;
  /** Name of a city that the server serves, without a scene. */
  city?: string | undefined;
  /** Address of a package's folder, on any server of files. Nothing else is then asked of a server. */
  package?: string | undefined;
  /** Address of the Veduta server; the one that this module comes from where nothing is said. */
  server?: string | undefined;
  /** Who asks, where no cookie of the server tells. */
  token?: string | undefined;
  /** The first view, or the name of a camera of the scene. Where nothing is said: the scene's first camera, else the whole city. */
  camera?: Camera | string | null | undefined;
  /** Identifier of the object to select. */
  select?: string | null | undefined;
  /** Layers in place of the scene's own. */
  style?: Layer[] | undefined;
  /** false: no live connection. */
  live?: boolean | undefined;
  /** Live updates a second at most; 10 where nothing is said. */
  rate?: number | undefined;
  /** false: figures, alarms, time bar and what is selected are not written over the picture. */
  panel?: boolean | undefined;
  /** Whether the scene's tour is flown; where nothing is said, it is unless `camera` tells where to be. */
  tour?: boolean | undefined;
  /** By this name operators steer this viewer (`/api/screens`). */
  screen?: string | undefined;
  /** Hard limit for tile data, MiB; 384 where nothing is said. */
  memory?: number | undefined;
  /** When the sun shines (RFC 3339) where no scene tells. */
  time?: string | undefined;
  /** Draw with this or not at all; WebGPU where the browser has it, else WebGL 2, where nothing is said. */
  renderer?: "webgpu" | "webgl2" | undefined;
  /** Whether costly effects are left away; found out where nothing is said. */
  software?: boolean | undefined;
  /** Bytes of the program that have come, of all. */
  onProgress?: ((done: number, all: number) => void) | undefined;
  /** Listeners from the start. */
  on?: { [E in keyof Events]?: (what: Events[E]) => void } | undefined;
}

/** A viewer in an element of a page. */
export class Veduta {
  private constructor();

  /**
   * Shows a scene, a city or a package in an element, which gives it its size. Fails with an `Error` in words for people where
   * there is nothing to draw with or nothing to show; `status` is the server's where the server refused (401: sign in).
   */
  static mount(element: HTMLElement, options?: MountOptions): Promise<Veduta>;

  /** What it draws with. */
  readonly renderer: "webgpu" | "webgl2";
  /** Whether the card is really the processor. */
  readonly software: boolean;
  /** The scene; null where a city or a package is shown without one. */
  readonly scene: Scene | null;
  /** The city; absent where a package is shown by its address. */
  readonly city?: City;

  /** Where the camera is; null before the first frame. */
  get camera(): Camera | null;
  /** Figures of streaming and drawing; null before the first frame. `programBytes` is the memory that the engine has in all. */
  get stats(): (Stats & { programBytes: number }) | null;
  /** All that a link needs to show the same again: options for `mount`. */
  get state(): State;

  /** Calls `listener` at each event; gives back a function that ends it. Who comes late to `live` is told at once what holds. */
  on<E extends keyof Events>(event: E, listener: (what: Events[E]) => void): () => void;

  /** Flies to a camera, or to a camera of the scene by its name; in 2 seconds, or at once where `seconds` is 0. */
  flyTo(camera: Camera | string, seconds?: number): void;
  /** Picks what is under a point of the element, CSS pixels from its upper left corner, as a click does. */
  pick(x: number, y: number): Promise<Pick | null>;
  /** Selects an object by its identifier as soon as it is drawn; none where nothing is given. */
  select(id?: string | null): void;
  /** Objects of the city that match. Fails with the server's words where it is no question. */
  query(question: Query): Promise<FeatureCollection>;
  /** Shows the city by these layers in place of the scene's own (`scene.layers`). */
  setStyle(layers: Layer[]): void;
  /** Ends or begins the live connection. */
  setLive(live: boolean): void;

  /** Plays on. Steering takes the role operator, and everybody who watches sees it. */
  play(): Promise<PlayState>;
  /** Stops where it is. */
  pause(): Promise<PlayState>;
  /** Goes to an instant (RFC 3339 or a Date). */
  seek(time: string | Date): Promise<PlayState>;
  /** Stops, and goes some steps on or back. */
  step(steps?: number): Promise<PlayState>;
  /** Played seconds a second, 0.1 to 1000. */
  speed(speed: number): Promise<PlayState>;
  /** Whether the play begins again at its end. */
  loop(looping: boolean): Promise<PlayState>;

  /** The picture as it is now, as PNG. */
  screenshot(): Promise<Blob>;
  /** Ends the viewer and takes its canvas away. */
  dispose(): void;
}

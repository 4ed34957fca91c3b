// Processor time of a browser: unlike the clock, other work on the machine hardly changes it.

import { readFileSync, readdirSync } from "node:fs";

const TICK_MS = 10;

/** Processor milliseconds that all processes below `parent` that are still there have used. */
export function cpu(parent) {
  const processes = new Map();
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${entry}/stat`, "utf8").replace(/^.*\) /s, "").split(" ");
      const [above, ticks] = [Number(words[1]), Number(words[11]) + Number(words[12])];
      processes.set(Number(entry), { above, ticks });
    } catch {
      // It has ended meanwhile.
    }
  }
  const below = (process) => {
    for (let one = process; one; one = processes.get(one)?.above) if (one === parent) return true;
    return false;
  };
  return [...processes].filter(([id]) => id !== parent && below(id)).reduce((sum, [, { ticks }]) => sum + ticks * TICK_MS, 0);
}

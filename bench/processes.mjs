// What processes have used, as Linux tells it. Elsewhere nothing is known, and every figure is null.
import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts in ticks of a hundredth of a second on every machine that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Seconds of CPU, user and system, of a process and all that come from it, also of those that have ended. */
export function cpuSeconds(pid) {
  const found = familyOf(pid);
  if (found.length === 0) return null;
  return found.reduce((sum, { ticks }) => sum + ticks, 0) / TICKS_PER_SECOND;
}

/** MiB of memory of a process and all that come from it; what they share is counted once where the kernel tells. */
export function memoryMiB(pid) {
  const found = familyOf(pid);
  if (found.length === 0) return null;
  return found.reduce((sum, member) => sum + kilobytesOf(member.pid), 0) / 1_024;
}

function kilobytesOf(pid) {
  const shared = /^Pss:\s+(\d+) kB/m.exec(read(pid, 'smaps_rollup'));
  const resident = shared ?? /^VmRSS:\s+(\d+) kB/m.exec(read(pid, 'status'));
  return Number(resident?.[1] ?? 0);
}

function familyOf(pid) {
  const all = new Map(listed().map((process) => [process.pid, process]));
  const belongs = (process) => process !== undefined && (process.pid === pid || belongs(all.get(process.parent)));
  return [...all.values()].filter(belongs);
}

function listed() {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => statOf(Number(name)))
      .filter((process) => process !== undefined);
  } catch {
    return [];
  }
}

// The command's name, in parentheses, may contain anything; what follows it is regular. Fields 14 to 17 of proc(5): its own user and
// system time, and those of its children that have ended.
function statOf(pid) {
  const fields = read(pid, 'stat').split(') ').at(-1).split(' ');
  if (fields.length < 15) return undefined;
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { pid, parent: Number(fields[1]), ticks };
}

function read(pid, name) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

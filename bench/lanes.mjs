// N lanes, each of which starts a saga and waits for its end before it starts the next. Every contender is loaded by this one loop.
import { setTimeout as pause } from 'node:timers/promises';

/**
 * @param {{ lanes: number[], seconds: number, laneEveryMs?: number, one: (lane: number, turn: number) => Promise<boolean | void> }} options `lanes`: numbers of
 *   those that run in this process; `one` answers false for what should not be counted. `laneEveryMs`: a lane starts one that often, for a load
 *   that stays the same however fast they end. Default: as soon as the one before has ended.
 * @returns how many ended, in which time, and how long each took, in milliseconds
 */
export async function runLanes({ lanes, seconds, laneEveryMs = 0, one }) {
  const times = [];
  let count = 0;
  const began = performance.now();
  const end = began + seconds * 1_000;
  const drive = async (lane) => {
    for (let turn = 0; performance.now() < end; turn++) {
      const early = began + (turn + lane / lanes.length) * laneEveryMs - performance.now();
      if (laneEveryMs > 0 && early > 0) await pause(early);
      const at = performance.now();
      const counts = await one(lane, turn);
      if (counts === false) continue;
      count++;
      times.push(Math.round((performance.now() - at) * 100) / 100);
    }
  };
  await Promise.all(lanes.map(drive));
  return { count, elapsedMs: performance.now() - began, times };
}

/** Which lanes run in which of the processes: equal shares. */
export function shares(inFlight, processes) {
  const all = Array.from({ length: processes }, () => []);
  for (let lane = 0; lane < inFlight; lane++) all[lane % processes].push(lane);
  return all;
}

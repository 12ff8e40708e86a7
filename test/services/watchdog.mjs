// Runs beside the launcher and reads from it, line by line, what it owns at the moment. The end of
// the pipe means that the launcher is gone, also after kill -9; then what it still owned is removed.
import { createInterface } from 'node:readline';
import { cleanUp } from './clean-up.mjs';

// A Ctrl-C or a closed terminal is the launcher's business; the watchdog has to survive it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});

let owned = { processes: [], folders: [] };
for await (const line of createInterface({ input: process.stdin })) {
  // A launcher killed in the middle of a write leaves half a line; the one before it is still true.
  try {
    owned = JSON.parse(line);
  } catch {}
}
await cleanUp(owned);

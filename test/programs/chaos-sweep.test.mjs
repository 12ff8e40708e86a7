// Kills a worker at 60 messages of its wires. SWEEP_SEED tries 60 others; the seed is printed.
import { runChaos } from '../chaos/run-chaos.mjs';

runChaos('crash-sweep.mjs', ['--points', '60', '--seed', process.env.SWEEP_SEED ?? '1']);

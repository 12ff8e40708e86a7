// Kills a worker at 60 messages of its wires, another 60 in each run: the seed is printed, SWEEP_SEED repeats it.
import { runChaos } from '../chaos/run-chaos.mjs';

runChaos('crash-sweep.mjs', ['--points', '60', '--seed', process.env.SWEEP_SEED ?? '']);

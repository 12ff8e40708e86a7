// One minute of everything going wrong at once, another one in each run: the seed is printed, CHAOS_SEED repeats it.
import { runChaos } from '../chaos/run-chaos.mjs';

runChaos('chaos-run.mjs', ['--minutes', '1', '--seed', process.env.CHAOS_SEED ?? '']);

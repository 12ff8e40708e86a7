// One minute of everything going wrong at once. CHAOS_SEED tries another one; the seed is printed.
import { runChaos } from '../chaos/run-chaos.mjs';

runChaos('chaos-run.mjs', ['--minutes', '1', '--seed', process.env.CHAOS_SEED ?? '1']);

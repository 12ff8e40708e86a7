// Kills, cuts off and freezes a worker at each moment of a transaction that a handler shares with its saga.
import { runChaos } from '../chaos/run-chaos.mjs';

runChaos('crash-sweep.mjs', ['--transactions']);

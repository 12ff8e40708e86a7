// The README, word by word, on the main line of Nest.
import { runBlankApp } from './blank-app.mjs';

runBlankApp({ nest: '^11.0.0', schema: 'blank_11' });

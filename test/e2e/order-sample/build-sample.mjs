// Compiles the library and a sample, unless that was done since their last change.
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from '../../services/build.mjs';

const [sample = '01-order-processing'] = process.argv.slice(2);
await ensureBuilt({ root: fileURLToPath(new URL('../../..', import.meta.url)), sample: `sample/${sample}` });

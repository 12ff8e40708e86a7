// Compiles the library and the sample, unless that was done since their last change.
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from '../../services/build.mjs';

await ensureBuilt({ root: fileURLToPath(new URL('../../..', import.meta.url)), sample: 'sample/01-order-processing' });

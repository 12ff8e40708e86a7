// The README on Nest 12, with its overrides. A plain program: Jest cannot load Nest 12, which is an ES module, on Node 20.
import { readFileSync } from 'node:fs';
import { runBlankApp } from './blank-app.mjs';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const [, overrides] = /```json\n"overrides": ([\s\S]*?)\n```/.exec(readme);

runBlankApp({ nest: '^12.0.0', overrides: JSON.parse(overrides), schema: 'blank_12' });

import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as errors from '../../lib/errors';

const root = join(__dirname, '../..');
const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');
const headings = [...page.matchAll(/^## ([A-Z_]+)$/gm)].map(([, code]) => code ?? '');

/** The sources that run in an application, without their comments. */
const sources = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts') && !file.startsWith('testing/'))
  .map((file) => readFileSync(join(root, 'lib', file), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, ''));

/** Codes of errors that are thrown, and of steps that have failed: `code = '…'`, `code: '…'`, or a constant that is nothing but one. */
const named = sources.flatMap((source) =>
  [...source.matchAll(/\b(?:code(?:: string)?(?: =|:)|const [A-Z_]+ =) '([A-Z]+(?:_[A-Z]+)+)'/g)].map(([, code]) => code ?? ''),
);

describe('docs/errors.md', () => {
  it('has a heading for every code that an error or a failed step may have', () => {
    const missing = new Set(named.filter((code) => !headings.includes(code)));
    expect([...missing]).toEqual([]);
  });

  it('has none for a code that there is not', () => {
    expect(headings.filter((code) => !named.includes(code))).toEqual([]);
  });

  it('names the class of every error that this package throws', () => {
    const classes = Object.entries(errors).filter(
      ([, value]) => typeof value === 'function' && value.prototype instanceof errors.SagaError,
    );
    expect(classes.length).toBeGreaterThan(20);
    expect(classes.map(([name]) => name).filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});

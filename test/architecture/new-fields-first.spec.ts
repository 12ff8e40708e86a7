import { join } from 'node:path';
import { expect, it, jest } from '@jest/globals';
import { ESLint, type Rule } from 'eslint';
import tseslint from 'typescript-eslint';

const rule = jest.requireActual<Rule.RuleModule>('./new-fields-first.cjs');
const root = join(__dirname, '../..');
const eslint = new ESLint({
  cwd: root,
  overrideConfigFile: true,
  overrideConfig: {
    files: ['**/*.ts'],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: { allowDefaultProject: ['shapes.ts'] }, tsconfigRootDir: root },
    },
    plugins: { shapes: { rules: { 'new-fields-first': rule } } },
    rules: { 'shapes/new-fields-first': 'error' },
  } as never,
});

async function found(code: string): Promise<readonly string[]> {
  const types = 'interface A { a: number; more?: number } declare const one: A; declare const any: Record<string, number>;';
  const [result] = await eslint.lintText(`${types}\nexport const made = ${code};`, { filePath: join(root, 'shapes.ts') });
  return (result?.messages ?? []).map(({ message }) => message);
}

it('an object that begins with a spread gets no field that the spread has not', async () => {
  expect(await found('{ ...one, b: 1 }')).toEqual([expect.stringContaining('"b"')]);
  for (const fine of ['{ b: 1, ...one }', '{ ...one, a: 2 }', '{ ...one, more: 2 }', '{ ...any, b: 1 }', '{ ...one }'])
    expect([fine, await found(fine)]).toEqual([fine, []]);
}, 60_000);

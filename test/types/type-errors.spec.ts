// What the compiler says to somebody who made a mistake. Each line of the program below has one; its message must name what is meant.
import { describe, expect, it } from '@jest/globals';
import { dirname, join } from 'node:path';
import ts from 'typescript';

const root = join(__dirname, '../..');

const PROGRAM = `
import { type CompensationContext, Compensate, defineSaga, SagaDefinition, type SagaService, SagaStep } from 'nest-saga';
declare module 'nest-saga' {
  interface SagaActions {
    'errors.create': { input: { productId: string }; output: { orderId: string } };
    'errors.charge': { input: { orderId: string; amount: number }; output: { transaction: string } };
  }
}
declare const sagas: SagaService;
@SagaDefinition({ name: 'order' }) class OrderSaga { declare readonly $input: { readonly amount: number } }
const order = defineSaga<{ amount: number }>('order').step('create', { action: 'errors.create', input: { productId: 'p' } });
`;

const MISTAKES: readonly (readonly [what: string, line: string, says: string])[] = [
  [
    'a class is started with a wrong input',
    `sagas.start(OrderSaga, { amount: 'much' });`,
    `Type 'string' is not assignable to type 'number'`,
  ],
  ['a class is started without a field', `sagas.start(OrderSaga, {});`, `Property 'amount' is missing in type '{}'`],
  [
    'a defined saga is started with a wrong context',
    `sagas.start(order, { amount: 'much' });`,
    `Type 'string' is not assignable to type 'number'`,
  ],
  [
    'a listed action gets a wrong input',
    `sagas.start('s', [{ name: 'a', action: 'errors.charge', input: { orderId: 'o', amount: 'much' } }]);`,
    `"this is not SagaActions['errors.charge']['input']"`,
  ],
  ['a listed action gets none', `sagas.start('s', [{ name: 'a', action: 'errors.charge' }]);`, `Property 'input' is missing`],
  ['a field is misspelt', `sagas.start('s', [{ name: 'a', action: 'x', compensaton: 'y' }]);`, `'a step has no such field'`],
  ['a name is taken', `order.step('create', { action: 'x' });`, 'there is a step'],
  [
    'a later step asks for what an output does not have',
    `order.step('b', { action: 'x', input: ({ outputs }) => outputs.create.orderID });`,
    `Did you mean 'orderId'?`,
  ],
  [
    'a handler returns something else',
    `class A { @SagaStep('errors.charge') charge() { return 5; } }`,
    `Type 'number' is not assignable to type`,
  ],
  [
    'an undo takes something else',
    `class B { @Compensate('u', { for: 'errors.charge' }) undo(x: number, ctx: CompensationContext) {} }`,
    `'{ transaction: string; } | undefined' is not assignable to type 'number'`,
  ],
];

describe('the compiler says what is wrong when', () => {
  const messages = compiled(`${PROGRAM}${MISTAKES.map(([, line]) => line).join('\n')}\n`);

  it.each(MISTAKES.map(([what, , says], place) => [what, says, place] as const))('%s', (_what, says, place) => {
    const line = PROGRAM.split('\n').length - 1 + place;
    expect(messages.get(line) ?? 'nothing').toContain(says);
  });

  it('and nothing else', () => {
    expect([...messages.keys()]).toHaveLength(MISTAKES.length);
  });
});

/** The messages of a program that is nowhere on the disk, by its lines from 0. */
function compiled(text: string): ReadonlyMap<number, string> {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (file) => ts.sys.readFile(file)) as { config: object };
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root);
  const file = join(root, 'test/types/mistakes.ts');
  const host = ts.createCompilerHost({ ...options, noUnusedLocals: false, noUnusedParameters: false });
  const { readFile, fileExists, getSourceFile } = host;
  host.fileExists = (name) => name === file || fileExists.call(host, name);
  host.readFile = (name) => (name === file ? text : readFile.call(host, name));
  host.getSourceFile = (name, version, ...rest) =>
    name === file ? ts.createSourceFile(name, text, version) : getSourceFile.call(host, name, version, ...rest);
  host.getCurrentDirectory = () => dirname(file);
  const program = ts.createProgram([file], { ...options, noUnusedLocals: false, noUnusedParameters: false }, host);
  const source = program.getSourceFile(file);
  const found = new Map<number, string>();
  for (const diagnostic of program.getSemanticDiagnostics(source)) {
    const line = source?.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line ?? 0;
    found.set(line, `${found.get(line) ?? ''}${ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n')}\n`);
  }
  return found;
}

// Makes a blank application in an empty folder, installs the packed library, writes the README's code blocks into it, compiles it with
// everything a strict TypeScript has, and runs it on the real services: what a stranger does in the first quarter of an hour.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** @param {{ nest: string, overrides?: object, schema: string }} wanted */
export function runBlankApp({ nest, overrides, schema }) {
  for (const name of ['DATABASE_URL', 'AMQP_URL']) {
    if (!process.env[name]) throw new Error(`${name} is not set: run this with \`npm test\`, which starts the services`);
  }
  const folder = mkdtempSync(join(tmpdir(), 'nest-saga-blank-'));
  try {
    writeApp(folder, { nest, overrides, schema });
    npm(folder, ['install', '--no-audit', '--no-fund', '--loglevel', 'error', '--no-package-lock']);
    run(folder, process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.']);
    const output = run(folder, process.execPath, ['dist/main.js']);
    const last = output.trim().split('\n').at(-1);
    console.log(`Nest ${installedVersion(folder)}: ${last}`);
    if (last !== "compensated [ 'deposit: compensated', 'balance: failed' ]") throw new Error(`unexpected output:\n${output}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeApp(folder, { nest, overrides, schema }) {
  npm(root, ['pack', '--silent', '--pack-destination', folder]);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  const dependencies = {
    '@golevelup/nestjs-rabbitmq': '^9.0.2',
    '@nestjs/common': nest,
    '@nestjs/core': nest,
    '@nestjs/typeorm': nest,
    'nest-saga': `file:${tarball}`,
    pg: '^8.16.0',
    'reflect-metadata': '^0.2.2',
    rxjs: '^7.8.1',
    typeorm: '^1.1.0',
    '@types/node': '^20.19.0',
  };
  write(folder, 'package.json', JSON.stringify({ name: 'blank', private: true, dependencies, overrides }));
  write(folder, 'tsconfig.json', JSON.stringify({ compilerOptions, include: ['src'] }));
  const pages = [
    'README.md',
    ...readdirSync(join(root, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  const text = pages.map((page) => readFileSync(join(root, page), 'utf8')).join('\n');
  const blocks = [...text.matchAll(/```ts\n\/\/ (src\/\S+)\n([\s\S]*?)```/g)];
  for (const [, file, code] of blocks) write(folder, file, code.replace('autoMigrate: true', `autoMigrate: true, schema: '${schema}'`));
  const unnamed = [...text.matchAll(/```ts\n(?!\/\/ src\/)/g)];
  if (blocks.length < 6 || unnamed.length > 0)
    throw new Error('every TypeScript block of the README and of docs/ begins with `// src/…`, so that it is compiled here');
}

const compilerOptions = {
  target: 'es2023',
  module: 'nodenext',
  moduleResolution: 'nodenext',
  types: ['node'],
  outDir: 'dist',
  rootDir: 'src',
  strict: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  skipLibCheck: true,
};

function write(folder, file, text) {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

function installedVersion(folder) {
  return JSON.parse(readFileSync(join(folder, 'node_modules/@nestjs/core/package.json'), 'utf8')).version;
}

function npm(cwd, args) {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function run(cwd, command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 120_000 });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}\n${stdout}\n${stderr}`);
  return stdout;
}

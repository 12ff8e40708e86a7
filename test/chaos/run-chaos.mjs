// Runs one of the chaos programs as a test: its own process, its own services, its exit code.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export function runChaos(program, args) {
  const child = spawn(process.execPath, [fileURLToPath(new URL(program, import.meta.url)), ...args], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code) => (process.exitCode = code ?? 1));
}

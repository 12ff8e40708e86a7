// PostgreSQL refuses to run as root. Which user shall it be?
import { readFileSync } from 'node:fs';

/** `postgres` if the machine has it, otherwise `nobody`; no account is ever made for this. */
export function postgresUser() {
  if (process.getuid?.() !== 0) return {};
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  // initdb looks its user up, so a bare number that nobody has would not do.
  const entry = ['postgres', 'nobody'].map((name) => users.find((user) => user[0] === name)).find(Boolean);
  if (!entry) throw new Error('PostgreSQL needs a user other than root: add `postgres` or `nobody`, or set DATABASE_URL.');
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
}

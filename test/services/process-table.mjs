// What Linux tells about other processes. Elsewhere nothing is known, and the answer is "no".
import { readFileSync } from 'node:fs';

export const parentOf = (pid) => fieldsOf(pid)[1];

export const isShell = (pid) => /^\w*sh$/.test(read(pid, 'comm').trim());

/** Dead, but not yet collected by its parent; an adopting init may take seconds for that. */
export const isZombie = (pid) => fieldsOf(pid)[0] === 'Z';

// The command's name, in parentheses, may contain anything; what follows it is regular.
function fieldsOf(pid) {
  return read(pid, 'stat').split(') ').at(-1).split(' ');
}

function read(pid, name) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

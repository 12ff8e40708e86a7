// Prints the path of libfaketime, which gives a process another clock; nothing where it is missing and cannot be installed.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { aptInstall, isRootOnDebian } from './apt-install.mjs';

if (!find() && isRootOnDebian()) {
  await aptInstall('libfaketime', { isInstalled: () => find() !== undefined }).catch((error) => console.error(error.message));
}
console.log(find() ?? '');

/** `/usr/lib/<machine>/faketime` on Debian, `/usr/lib/faketime` elsewhere. */
function find() {
  const folders = ['/usr/lib', ...readdirSync('/usr/lib').map((name) => join('/usr/lib', name))];
  return folders.map((folder) => join(folder, 'faketime/libfaketime.so.1')).find((file) => existsSync(file));
}

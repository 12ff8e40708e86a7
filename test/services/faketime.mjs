// Prints the path of libfaketime, which gives a process another clock; installs it where that is allowed.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { aptInstall, mayAptInstall } from './apt-install.mjs';

if (!find() && mayAptInstall()) {
  await aptInstall('libfaketime', { isInstalled: () => find() !== undefined });
}
const library = find();
if (library === undefined) throw new Error('libfaketime is not installed: apt-get install libfaketime, or what your Linux calls it.');
console.log(library);

/** `/usr/lib/<machine>/faketime` on Debian, `/usr/lib/faketime` elsewhere. */
function find() {
  const folders = ['/usr/lib', ...readdirSync('/usr/lib').map((name) => join('/usr/lib', name))];
  return folders.map((folder) => join(folder, 'faketime/libfaketime.so.1')).find((file) => existsSync(file));
}

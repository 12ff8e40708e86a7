const USER_INFO = /\/\/[^/@\s]*@/g;
const UNPRINTABLE = /[^\x20-\x7e]+/g;
const MAX_LENGTH = 500;

/** A text that may be logged: no credentials of any address in it, none of these secrets, one line, not long. */
export function redact(text: string, secrets: readonly string[]): string {
  let safe = text;
  for (const secret of secrets) safe = safe.replaceAll(secret, '***');
  return safe.replace(USER_INFO, '//***@').replace(UNPRINTABLE, ' ').slice(0, MAX_LENGTH);
}

/** The passwords in these addresses, as written and as decoded. One that is not an address is a secret as a whole. */
export function secretsOf(uris: readonly string[]): readonly string[] {
  const secrets = uris.flatMap((uri) => {
    const url = parseUrl(uri);
    return url === null ? [uri] : [url.password, decoded(url.password)];
  });
  // The longest first, so that none leaves its tail behind. A word as short as these cannot be hidden in prose, nor be a secret.
  return [...new Set(secrets)].filter((secret) => secret.length > 2 && secret !== 'guest').sort((a, b) => b.length - a.length);
}

/** Without the error of `new URL`, which carries the whole address. */
export function parseUrl(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

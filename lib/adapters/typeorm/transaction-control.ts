const MAY_CONTROL = /commit|rollback|abort|begin|start|end|prepare/i;
/** Everything that may hold a semicolon or a keyword without meaning one. Comments nest, so only their beginning is matched here. */
const TOKEN =
  /--[^\n]*|\/\*|[eE]'(?:[^'\\]+|\\[\s\S]|\\$|'')*(?:'|$)|'(?:[^']+|'')*(?:'|$)|"(?:[^"]+|"")*(?:"|$)|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w.]*|;|\s+|[\s\S]/gy;

/**
 * The first statement of a text that begins or ends a transaction, in its own words; null when there is none. Not what refuses it in
 * the end (the transaction's id is compared), but what says so before anything has happened.
 */
export function transactionControlIn(sql: string): string | null {
  if (!MAY_CONTROL.test(sql)) return null;
  let words: string[] = [];
  for (const token of tokensOf(sql)) {
    if (token === ';') {
      const found = controlOf(words);
      if (found !== null) return found;
      words = [];
    } else if (words.length < 3) words.push(token.toUpperCase());
  }
  return controlOf(words);
}

/** Words, semicolons and whatever else stands between statements' beginnings; no strings, comments or spaces. */
function* tokensOf(sql: string): Iterable<string> {
  for (let at = 0; at < sql.length;) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(sql)?.[0] ?? sql.slice(at);
    at += token.length;
    if (token === '/*') at = endOfComment(sql, at);
    else if (/^\$.*\$$/s.test(token)) at = endOfQuote(sql, token, at);
    else if (!/^\s|^--/.test(token)) yield token;
  }
}

function endOfComment(sql: string, from: number): number {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = from;
  for (let depth = 1; depth > 0;) {
    const found = edge.exec(sql);
    if (found === null) return sql.length;
    depth += found[0] === '/*' ? 1 : -1;
  }
  return edge.lastIndex;
}

function endOfQuote(sql: string, tag: string, from: number): number {
  const end = sql.indexOf(tag, from);
  return end === -1 ? sql.length : end + tag.length;
}

function controlOf([first, second, third]: readonly string[]): string | null {
  switch (first) {
    case 'COMMIT':
    case 'END':
    case 'ABORT':
    case 'BEGIN':
      return first;
    case 'START':
    case 'PREPARE':
      return second === 'TRANSACTION' ? `${first} TRANSACTION` : null;
    case 'ROLLBACK': {
      const afterNoise = second === 'WORK' || second === 'TRANSACTION' ? third : second;
      return afterNoise === 'TO' ? null : first;
    }
    default:
      return null;
  }
}

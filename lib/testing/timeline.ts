import type { StoredHistoryEntry } from '../ports/stored-saga';

/** What the kit did to a saga, between two of its events. */
export interface Note {
  readonly at: number;
  /** How many entries its history had. */
  readonly after: number;
  readonly what: string;
  readonly text: string;
}

interface Line {
  readonly at: number;
  readonly what: string;
  readonly text: string;
}

/** Of no interest: what a worker is about to do is seen by what comes of it. */
const UNTOLD = ['start', 'claim', 'woken', 'admitted'];

/** What happened to a saga, as text: a line for each event, the same at every run. */
export function timelineOf(history: readonly StoredHistoryEntry[], notes: readonly Note[]): string {
  const begun = history[0]?.at.getTime() ?? 0;
  const lines: Line[] = [];
  const noted = (after: number): readonly Line[] => notes.filter((note) => note.after === after);
  history.forEach((entry, place) => {
    const previous = history[place - 1]?.state ?? entry.state;
    lines.push(...noted(place), ...linesOf(entry, previous));
  });
  lines.push(...notes.filter((note) => note.after >= history.length));
  return layOut(lines.map((line) => ({ ...line, at: line.at - begun })));
}

function linesOf(entry: StoredHistoryEntry, previousState: string): readonly Line[] {
  const at = entry.at.getTime();
  const what = entry.step === null ? '' : entry.direction === 'undo' ? `undo ${entry.step}` : entry.step;
  const told = UNTOLD.includes(entry.kind) ? [] : [{ at, what, text: textOf(entry) }];
  return entry.state === previousState ? told : [...told, { at, what: '', text: `the saga is ${entry.state}` }];
}

function textOf({ kind, attempt, error, actor, reason, round }: StoredHistoryEntry): string {
  const failure = error === null ? '' : `: ${error.code} ${error.message}`;
  const again = `${(attempt ?? 1) > 1 ? ` at attempt ${attempt}` : ''}${(round ?? 1) > 1 ? ` in round ${round}` : ''}`;
  const why = `${reason === null ? '' : `: ${reason}`}${actor === null ? '' : ` (${actor})`}`;
  switch (kind) {
    case 'completed':
      return `completed${again}`;
    case 'lease-expired':
      return `given up${again}${failure}`;
    case 'failed':
    case 'lost':
      return `${kind}${again}${failure}`;
    case 'deadline':
      return 'the deadline has passed';
    case 'late':
      return 'its effect has come late';
    default:
      return `${kind}${why}`;
  }
}

function layOut(lines: readonly Line[]): string {
  const times = lines.map(({ at }) => `+${at.toLocaleString('en-US')} ms`);
  const timeWidth = Math.max(0, ...times.map((time) => time.length));
  const whatWidth = Math.max(0, ...lines.map(({ what }) => what.length));
  return lines.map(({ what, text }, place) => `${times[place]?.padStart(timeWidth)}  ${what.padEnd(whatWidth)}  ${text}`).join('\n');
}

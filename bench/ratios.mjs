// How we compare, each figure computed within a round, then the median over the rounds.
import { spread } from './statistics.mjs';

export function ratiosOf(rows, idleQueriesPerSecond) {
  const rounds = Math.max(0, ...rows.map(({ samples }) => samples.length));
  const find = (wanted) => rows.filter((row) => Object.entries(wanted).every(([field, value]) => [value].flat().includes(row[field])));
  const main = (contender, inFlight, processes = 1) => find({ contender, processes, tables: 'fresh', saga: 'happy', inFlight });
  const best = (rows, figure, round) => {
    const known = rows.map(({ samples }) => samples[round]?.[figure]).filter((value) => Number.isFinite(value));
    return known.length === 0 ? NaN : Math.max(...known);
  };
  const overRounds = (ratio) => spread(Array.from({ length: rounds }, (_, round) => ratio(round)));
  const BUSY = [100, 400];
  const busy =
    (contender, figure = 'sagasPerSecond', processes = 1) =>
    (round) =>
      best(main(contender, BUSY, processes), figure, round);
  const lone = (contender) => (round) => best(main(contender, 1), 'p50', round);
  const grown = (isIt) => (round) =>
    best(
      rows.filter((row) => row.saga === 'happy' && isIt(row.tables)),
      'sagasPerSecond',
      round,
    );
  const sized = (saga) => (round) => best(find({ contender: 'default', saga }), 'sagasPerSecond', round);
  const over = (one, other) => overRounds((round) => one(round) / other(round));

  return {
    vsDbos: over(busy('default'), busy('dbos')),
    vsRestate: over(busy('default'), busy('restate')),
    vsRawHop: over(busy('default', 'stepsPerSecond'), busy('hops', 'stepsPerSecond')),
    p50LoneVsDbos: over(lone('default'), lone('dbos')),
    hopOnlyVsDbos: over(busy('hop'), busy('dbos')),
    hopOnlyVsRawHop: over(busy('hop', 'stepsPerSecond'), busy('hops', 'stepsPerSecond')),
    fourWorkersVsOne: over(busy('default', 'sagasPerSecond', 4), busy('default')),
    millionRowsVsEmpty: over(
      grown((tables) => / finished, /.test(tables)),
      grown((tables) => tables === 'empty'),
    ),
    context100KbVsContext1Kb: over(sized('context 100 KB'), sized('context 1 KB')),
    idleQueriesPerSecond: idleQueriesPerSecond === null ? null : spread([idleQueriesPerSecond]),
  };
}

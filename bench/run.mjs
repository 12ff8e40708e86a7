// How many three-step sagas a second, how fast a lone one, at which cost, beside DBOS, Restate and the bare services? See bench/README.md.
//
//   npm run bench                                   everything: about half an hour
//   npm run bench -- --quick                        what matters most: at most five minutes
//   npm run bench -- --only default,dbos --in-flight 1,100 --seconds 5 --rounds 3
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureInstalled } from '../test/services/install.mjs';
import { startServices } from '../test/services/services.mjs';
import { isShuttingDown } from '../test/services/shutdown.mjs';
import { CONTENDERS } from './contenders.mjs';
import { environmentOf } from './environment.mjs';
import { isNew, nodeOf } from './node.mjs';
import { openings } from './plan.mjs';
import { profileWorker } from './profile.mjs';
import { printResult, resultOf } from './report.mjs';
import { queriesWhenIdle, runRounds } from './rounds.mjs';
import { soak } from './soak.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = fileURLToPath(new URL('./results', import.meta.url));
const PEERS = ['dbos', 'restate'];

let stop = async () => {};
try {
  const wishes = wishesOf(process.argv.slice(2));
  mkdirSync(folder, { recursive: true });
  if (wishes.needsPeers || !(wishes.thisNode || isNew())) await ensureInstalled(fileURLToPath(new URL('.', import.meta.url)));
  const services = {
    ...(await startServices({ root, postgres: { fast: false }, rabbit: { install: true } })),
    node: nodeOf(wishes.thisNode),
  };
  stop = services.stop;
  await wishes.work(services, wishes);
} catch (error) {
  if (!isShuttingDown()) {
    console.error(error);
    process.exitCode = 1;
  }
}
// An interrupted run has no result; the shutdown that is under way ends this process.
if (isShuttingDown()) await new Promise(() => {});
await stop();
process.exit();

async function compare(services, { quick, rounds, seconds, idleSeconds, plan, out }) {
  const environment = { ...(await environmentOf(services)), quick, seconds, rounds };
  try {
    const { rows, hot, problems } = await runRounds({ services, openings: plan, rounds, seconds, tell: console.error });
    const idleQueriesPerSecond = idleSeconds > 0 ? await queriesWhenIdle({ services, seconds: idleSeconds }) : null;
    const result = resultOf({ environment, rows, hot, problems, idleQueriesPerSecond });
    printResult(result);
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, `${JSON.stringify(result, null, 2)}\n`);
    console.log(`\nwritten: ${out}`);
    if (problems.length > 0) process.exitCode = 1;
  } finally {
    for (const { database } of plan) await database?.drop();
  }
}

async function profile(services, { only, seconds }) {
  await profileWorker({ services, name: only?.[0] ?? 'default', seconds, folder });
}

async function soakFor(services, { minutes, seconds }) {
  if (!(await soak({ services, minutes, secondsAMinute: seconds, folder }))) process.exitCode = 1;
}

function wishesOf(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      growth: { type: 'boolean', default: false },
      loads: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      soak: { type: 'boolean', default: false },
      only: { type: 'string' },
      processes: { type: 'string' },
      'in-flight': { type: 'string' },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      'this-node': { type: 'boolean', default: false },
      out: { type: 'string', default: join(folder, 'latest.json') },
    },
  });
  const { quick, 'this-node': thisNode } = values;
  const only = values.only?.split(',');
  const unknown = only?.filter((name) => !(name in CONTENDERS)) ?? [];
  if (unknown.length > 0) throw new Error(`--only ${unknown.join(',')}: there are ${Object.keys(CONTENDERS).join(', ')}`);
  const numbers = (text) => text?.split(',').map(Number);
  const seconds = (otherwise) => Number(values.seconds ?? otherwise);
  if (values.profile) return { work: profile, thisNode, only, seconds: seconds(10), needsPeers: PEERS.includes(only?.[0]) };
  if (values.soak) return { work: soakFor, thisNode, minutes: Number(positionals[0] ?? 60), seconds: seconds(60), needsPeers: false };

  const asked = ['growth', 'loads'].filter((part) => values[part]);
  // Whoever names contenders wants these compared, not what else can be done to one of them.
  const parts = asked.length > 0 ? asked : only ? ['main'] : quick ? ['main', 'growth'] : ['main', 'growth', 'loads'];
  const plan = openings({ quick, parts, only, processes: numbers(values.processes), inFlight: numbers(values['in-flight']) });
  const everything = only === undefined && asked.length === 0;
  return {
    work: compare,
    thisNode,
    quick,
    plan,
    seconds: seconds(quick ? 3 : 5),
    rounds: Number(values.rounds ?? (quick ? 2 : 3)),
    idleSeconds: everything ? (quick ? 10 : 20) : 0,
    out: resolve(process.env.INIT_CWD ?? '.', values.out),
    needsPeers: plan.some(({ name }) => PEERS.includes(name)),
  };
}

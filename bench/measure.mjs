// One row: lanes on the processes of an open contender for some seconds, and what that cost.
import { shares } from './lanes.mjs';
import { cpuSeconds, memoryMiB } from './processes.mjs';
import { handlerRuns } from './sagas.mjs';
import { quantile } from './statistics.mjs';

/** Before the first row: code gets compiled, connections are made. */
export async function warmUp(contender, { inFlight = 10, seconds, saga = 'happy' }) {
  await run(contender, { saga, inFlight, seconds });
}

export async function measure(contender, { saga, ...load }) {
  const before = await look(contender);
  const { count, elapsedMs, times } = await run(contender, { saga, ...load });
  // The processors first: everything else that is asked costs some of their time.
  const cpu = cpuOf(contender.pids);
  const after = await look(contender);
  const perSaga = (figure) => (before[figure] === null ? null : (after[figure] - before[figure]) / count);
  const cores = (who) => (cpu[who] === null ? null : ((cpu[who] - before.cpu[who]) * 1_000) / elapsedMs);
  const perSecond = (count * 1_000) / elapsedMs;
  return {
    sagasPerSecond: perSecond,
    stepsPerSecond: perSecond * (contender.name === 'commits' ? 1 : handlerRuns(saga)),
    p50: quantile(times, 0.5),
    p95: quantile(times, 0.95),
    p99: quantile(times, 0.99),
    commitsPerSaga: perSaga('commits'),
    rowsPerSaga: perSaga('rows'),
    messagesPerSaga: perSaga('messages'),
    logKbPerSaga: perSaga('log') / 1_024,
    cpuWorkers: cores('worker'),
    cpuPostgres: cores('postgres'),
    cpuRabbitMq: cores('rabbitmq'),
    cpuRestate: cores('restate'),
    memoryWorkerMiB: average(contender.pids.worker.map(memoryMiB)),
    memoryPostgresMiB: memoryOf(contender.pids.postgres),
    memoryRabbitMqMiB: memoryOf(contender.pids.rabbitmq),
    memoryRestateMiB: memoryOf(contender.pids.restate),
  };
}

async function run({ workers, processes }, { saga, inFlight, seconds, laneEveryMs }) {
  const lanes = shares(inFlight, processes);
  const parts = await Promise.all(workers.map((worker, i) => worker.ask('run', { saga, lanes: lanes[i], seconds, laneEveryMs })));
  return {
    count: parts.reduce((sum, part) => sum + part.count, 0),
    elapsedMs: Math.max(...parts.map((part) => part.elapsedMs)),
    times: parts.flatMap((part) => part.times).sort((a, b) => a - b),
  };
}

async function look({ all, database, pids }) {
  const known = await all('settle');
  const published = known.map(({ messages }) => messages);
  const messages = published.includes(null) ? null : published.reduce((sum, each) => sum + each, 0);
  return { ...(await database.counters()), messages, cpu: cpuOf(pids) };
}

function cpuOf({ worker, postgres, rabbitmq, restate }) {
  const of = (pid) => (pid === undefined ? null : cpuSeconds(pid));
  const workers = worker.map(of);
  return {
    worker: workers.includes(null) ? null : workers.reduce((sum, each) => sum + each, 0),
    postgres: of(postgres),
    rabbitmq: of(rabbitmq),
    restate: of(restate),
  };
}

const memoryOf = (pid) => (pid === undefined ? null : memoryMiB(pid));
const average = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

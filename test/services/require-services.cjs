// Jest's globalSetup of the project `services`: one clear sentence instead of a hundred timeouts.
module.exports = async () => {
  const missing = ['DATABASE_URL', 'AMQP_URL'].filter((name) => !process.env[name]);
  if (missing.length === 0) return;
  throw new Error(
    `${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} not set: run \`npm test\`, or set DATABASE_URL and AMQP_URL ` +
      '(`docker compose up -d` starts both services), or run only the unit tests with `npm test -- --unit`.',
  );
};

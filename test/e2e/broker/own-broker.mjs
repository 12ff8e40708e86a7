// A broker that belongs to one test and may be broken, in a process of its own because Jest cannot load the launcher.
import { startRabbit } from '../../services/rabbitmq.mjs';

delete process.env.AMQP_URL;
const broker = await startRabbit({ install: true });
const commands = {
  kill9: () => broker.kill9(),
  wipe: () => broker.wipe(),
  startAgain: () => broker.startAgain(),
  ctl: ({ args }) => broker.ctl(args),
};

process.on('message', async ({ number, command, ...options }) => {
  try {
    process.send({ number, value: await commands[command](options) });
  } catch (error) {
    process.send({ number, error: error.message });
  }
});
process.once('disconnect', () => void broker.stop().then(() => process.exit(0)));
process.send({ loaded: { url: broker.url } });

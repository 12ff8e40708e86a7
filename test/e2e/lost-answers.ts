import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to PostgreSQL on which the answer to one statement can be lost: it is carried out, and then the connection breaks. */
export class LostAnswers {
  lost = 0;
  private isArmed = false;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly statement: string,
    private readonly server: Server,
  ) {}

  /** @param statement the name of a prepared statement */
  static async of(statement: string): Promise<LostAnswers> {
    const target = new URL(process.env.DATABASE_URL ?? '');
    const server = createServer();
    const answers = new LostAnswers(statement, server);
    server.on('connection', (client) => answers.join(client, connect({ host: target.hostname, port: Number(target.port || 5432) })));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return answers;
  }

  /** The address of the database by this way. */
  get url(): string {
    const url = new URL(process.env.DATABASE_URL ?? '');
    url.hostname = '127.0.0.1';
    url.port = String((this.server.address() as AddressInfo).port);
    return url.href;
  }

  /** The answer to the next such statement is lost. */
  loseNext(): void {
    this.isArmed = true;
  }

  async close(): Promise<void> {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await once(this.server, 'close');
  }

  private join(client: Socket, database: Socket): void {
    let isLost = false;
    for (const socket of [client, database]) {
      this.sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        database.destroy();
      });
    }
    client.on('data', (data) => {
      isLost ||= this.isArmed && data.includes(this.statement);
      if (isLost) this.isArmed = false;
      database.write(data);
    });
    database.on('data', (data) => {
      if (!isLost) return void client.write(data);
      this.lost++;
      client.resetAndDestroy(); // the answer says that it is committed, and nobody hears it
    });
  }
}

import type { QuarantinedMessage } from '../../ports/saga-store';
import type { Statement } from './sql';

const HEAD_BYTES = 65_536;

export function quarantineStatement(schema: string, message: QuarantinedMessage): Statement {
  const { source, reason, messageId, bodyHead, bodySize } = message;
  return {
    text: `INSERT INTO "${schema}".quarantine (source, reason, message_id, body_head, body_size) VALUES ($1, $2, $3, $4, $5)`,
    values: [storable(source), storable(reason), messageId === null ? null : storable(messageId), headOf(bodyHead), bodySize],
  };
}

/** What nobody could understand must not be refused here as well: PostgreSQL's text holds everything but NUL. */
function storable(text: string): string {
  return text.replaceAll('\u0000', '\ufffd').toWellFormed().slice(0, 1_000).toWellFormed();
}

function headOf(body: Uint8Array): Buffer {
  return Buffer.from(body.buffer, body.byteOffset, Math.min(body.byteLength, HEAD_BYTES));
}

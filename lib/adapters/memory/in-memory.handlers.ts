import type { HandlerDeclaration } from '../../core/handler-declaration';
import type { StoredHandler } from '../../ports/saga-store';

interface KnownHandler {
  readonly group: string;
  readonly declaration: HandlerDeclaration;
  readonly seenAt: number;
  left: boolean;
}

/** Which group of processes has which handlers. */
export class InMemoryHandlers {
  private readonly known = new Map<string, KnownHandler>();

  constructor(private readonly now: () => number) {}

  write(group: string, declarations: readonly HandlerDeclaration[]): void {
    for (const declaration of declarations) {
      const handler = { group, declaration: structuredClone(declaration), seenAt: this.now(), left: false };
      this.known.set(`${group} ${declaration.direction} ${declaration.key}`, handler);
    }
  }

  leave(group: string): void {
    for (const handler of this.known.values()) if (handler.group === group) handler.left = true;
  }

  read(): readonly StoredHandler[] {
    const now = this.now();
    return [...this.known.values()].map(({ group, declaration, seenAt, left }) => ({
      group,
      declaration: structuredClone(declaration),
      unseenMs: now - seenAt,
      left,
    }));
  }
}

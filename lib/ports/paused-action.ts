/** Who ordered something, and why. */
export interface OrderedBy {
  readonly reason: string | null;
  readonly actor: string | null;
}

export interface PausedAction extends OrderedBy {
  readonly action: string;
  readonly at: Date;
}

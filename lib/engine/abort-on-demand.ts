/** An AbortController that is made when somebody looks at its signal, or aborts it: most handlers do neither, and it is no small thing. */
export class AbortOnDemand {
  private made: AbortController | undefined;

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  abort(reason: Error): void {
    this.controller.abort(reason);
  }

  private get controller(): AbortController {
    return (this.made ??= new AbortController());
  }
}

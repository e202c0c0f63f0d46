const LINE_EVERY_MS = 10_000;
const UPDATE_EVERY_MS = 500;

/** Says how it goes: on a terminal one line that changes, elsewhere a line every ten seconds; on stderr. */
export class Progress {
  readonly #startedAt = performance.now();
  readonly #tell: () => string;
  readonly #timer: NodeJS.Timeout;
  #phase = '';

  /** @param tell the rest of the line */
  constructor(tell: () => string) {
    this.#tell = tell;
    this.#timer = setInterval(() => this.#show(), process.stderr.isTTY ? UPDATE_EVERY_MS : LINE_EVERY_MS);
  }

  phase(name: string): void {
    this.#phase = name;
    this.#show();
  }

  end(): void {
    clearInterval(this.#timer);
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K');
  }

  #show(): void {
    const seconds = Math.floor((performance.now() - this.#startedAt) / 1_000);
    const line = `${String(seconds).padStart(4)} s  ${this.#phase} · ${this.#tell()}`;
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[2K${line}` : `${line}\n`);
  }
}

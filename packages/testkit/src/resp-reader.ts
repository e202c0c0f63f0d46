/** Reads the commands out of what a client sends to Redis: arrays of bulk strings, however they are cut into packets. */
export class RespReader {
  #rest: Buffer = Buffer.alloc(0);
  readonly #onCommand: (command: readonly string[]) => boolean;

  /** @param onCommand returns false when nothing more is to be read */
  constructor(onCommand: (command: readonly string[]) => boolean) {
    this.#onCommand = onCommand;
  }

  /** @returns false when a command said to stop */
  read(data: Buffer): boolean {
    this.#rest = Buffer.concat([this.#rest, data]);
    for (let parsed = parse(this.#rest); parsed; parsed = parse(this.#rest)) {
      this.#rest = this.#rest.subarray(parsed.length);
      if (!this.#onCommand(parsed.command)) return false;
    }
    return true;
  }
}

/** @returns undefined when the command is not whole yet */
function parse(data: Buffer): { readonly command: readonly string[]; readonly length: number } | undefined {
  const count = header(data, 0, '*');
  if (!count) return undefined;
  const command: string[] = [];
  let at = count.end;
  for (let i = 0; i < count.value; i += 1) {
    const size = header(data, at, '$');
    if (!size || data.length < size.end + size.value + 2) return undefined;
    command.push(data.toString('utf8', size.end, size.end + size.value));
    at = size.end + size.value + 2;
  }
  return { command, length: at };
}

function header(
  data: Buffer,
  at: number,
  sign: '*' | '$',
): { readonly value: number; readonly end: number } | undefined {
  const end = data.indexOf('\r\n', at);
  if (end < 0) return undefined;
  const line = data.toString('latin1', at, end);
  if (!line.startsWith(sign)) throw new Error(`not a Redis command: ${JSON.stringify(line.slice(0, 40))}`);
  return { value: Number(line.slice(1)), end: end + 2 };
}

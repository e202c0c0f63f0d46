/** What a payload belongs to; the same when it is decoded. */
export interface PayloadPlace {
  readonly runId: string;
  /** Such as `input`, `output`, `s:charge` (a step's result), `g:<id>` (a signal). */
  readonly field: string;
}

/** Turns payloads into what Redis keeps, and back: inputs, results, outputs, payloads of signals, details of errors. */
export interface PayloadCodec {
  /** @param plain JSON */
  encode(plain: string, place: PayloadPlace): string | Promise<string>;
  /** Takes all that `encode` ever gave for that place, or throws. */
  decode(coded: string, place: PayloadPlace): string | Promise<string>;
  /** Asked once when a process starts. Throws what is missing, such as a key. */
  check?(): void;
}

/** What a run carries cannot be read here: it was encoded, and there is no codec, or not the key. */
export class UnreadablePayloadError extends Error {
  readonly code = 'payload_unreadable';
  constructor(place: PayloadPlace, why: string, cause?: unknown) {
    super(
      `the ${nameOf(place.field)} of run ${place.runId} cannot be decoded: ${why}; give this process the codec and the keys that it was encoded with`,
      { cause },
    );
    this.name = 'UnreadablePayloadError';
  }
}

function nameOf(field: string): string {
  if (field === 'input' || field === 'output') return field;
  if (field.startsWith('g:')) return `signal "${field.slice(2)}"`;
  if (field.startsWith('s:')) return `record of step "${field.slice(2)}"`;
  return `record "${field}"`;
}

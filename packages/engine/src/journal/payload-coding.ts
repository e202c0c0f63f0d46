import { type PayloadCodec, UnreadablePayloadError } from '../contract/payload-codec.ts';
import type { ErrorRecord, Failure, Json } from '../contract/run.ts';
import type { Entry } from './journal.ts';

/** What stands before an encoded input or output, so that it is no JSON. */
const CODED = 'coded:';
/** The scripts cut a result or payload off where its member begins; this mark stands before an encoded one. */
const MARK = ',"coded":true';
const RESULT = ',"result":';
const PAYLOAD = ',"payload":';
const COMPLETED = '{"kind":"completed"';

type Fields = ReadonlyMap<string, string>;
type CodedError = Omit<ErrorRecord, 'cause' | 'errors'> & {
  readonly codedDetails?: string;
  readonly cause?: CodedError;
  readonly errors?: readonly CodedError[];
};

/** Whether a field of a run's hash holds something that a codec gave. */
export function isCoded(field: string, text: string): boolean {
  if (field === 'input' || field === 'output') return text.startsWith(CODED);
  if (partOf(field, text)) return true;
  if (!text.includes(CODED_DETAILS) || !/^[suwcv]:/.test(field)) return false;
  return hasCodedDetails((JSON.parse(text) as { readonly error?: CodedError }).error);
}

/** A record or signal up to its encoded result or payload, and that. */
function partOf(field: string, text: string) {
  const member = field.startsWith('g:') ? PAYLOAD : text.startsWith(COMPLETED) ? RESULT : undefined;
  // nothing stands before it that could hold these characters
  const at = member === undefined ? -1 : text.indexOf(member);
  if (member === undefined || at === -1 || !text.slice(0, at).endsWith(MARK)) return undefined;
  return {
    head: text.slice(0, at - MARK.length),
    member,
    coded: JSON.parse(text.slice(at + member.length, -1)) as string,
  };
}

const CODED_DETAILS = '"codedDetails":';

function hasCodedDetails(error: CodedError | undefined): boolean {
  if (!error) return false;
  const { codedDetails, cause, errors = [] } = error;
  return codedDetails !== undefined || hasCodedDetails(cause) || errors.some(hasCodedDetails);
}

/** What a run's hash holds of payloads, through the config's codec. Everything else stays as it is. */
export class PayloadCoding {
  readonly #codec: PayloadCodec;

  constructor(codec: PayloadCodec) {
    this.#codec = codec;
  }

  /** @param field `input` or `output` */
  async text(runId: string, field: string, json: string): Promise<string> {
    return `${CODED}${await this.#codec.encode(json, { runId, field })}`;
  }

  async entries(runId: string, entries: readonly Entry[]): Promise<readonly Entry[]> {
    return Promise.all(
      entries.map(async ({ field, record }) => ({ field, record: await this.#record(runId, field, record) })),
    );
  }

  async payload(runId: string, signalId: string, payload: Json | undefined): Promise<string | undefined> {
    if (payload === undefined) return undefined;
    return this.#codec.encode(JSON.stringify(payload), { runId, field: `g:${signalId}` });
  }

  async failure(runId: string, field: string, failure: Failure): Promise<string> {
    return JSON.stringify(await this.#closed(runId, field, failure));
  }

  /**
   * The fields with their payloads decoded.
   * @param lazily leaves the input as it is
   * @throws UnreadablePayloadError
   */
  async opened(runId: string, fields: Fields, lazily?: 'without_input'): Promise<Fields> {
    const opened = new Map(fields);
    await Promise.all(
      [...fields].map(async ([field, text]) => {
        if (field === 'input' && lazily) return;
        const plain = await this.#plain(runId, field, text);
        if (plain !== text) opened.set(field, plain);
      }),
    );
    return opened;
  }

  async #record(runId: string, field: string, record: string): Promise<string> {
    if (!/^[suwcv]:/.test(field)) return record;
    if (record.startsWith(COMPLETED)) {
      const at = record.indexOf(RESULT);
      if (at === -1) return record;
      const coded = await this.#codec.encode(record.slice(at + RESULT.length, -1), { runId, field });
      return `${record.slice(0, at)}${MARK}${RESULT}${JSON.stringify(coded)}}`;
    }
    if (!record.includes('"details":')) return record;
    const { error, ...rest } = JSON.parse(record) as { error?: ErrorRecord };
    return error ? JSON.stringify({ ...rest, error: await this.#closed(runId, field, error) }) : record;
  }

  async #plain(runId: string, field: string, text: string): Promise<string> {
    if (field === 'input' || field === 'output')
      return text.startsWith(CODED) ? this.#decode(runId, field, text.slice(CODED.length)) : text;
    if (field === 'failure' || field === 'death') {
      if (!text.includes(CODED_DETAILS)) return text;
      return JSON.stringify(await this.#openedError(runId, field, JSON.parse(text) as CodedError));
    }
    const part = partOf(field, text);
    if (part) return `${part.head}${part.member}${await this.#decode(runId, field, part.coded)}}`;
    if (!/^[suwcv]:/.test(field) || !text.includes(CODED_DETAILS)) return text;
    const { error, ...rest } = JSON.parse(text) as { readonly error?: CodedError };
    return error ? JSON.stringify({ ...rest, error: await this.#openedError(runId, field, error) }) : text;
  }

  async #closed(runId: string, field: string, error: ErrorRecord | Failure): Promise<CodedError> {
    const { details, cause, errors, ...rest } = error;
    return {
      ...rest,
      ...(details !== undefined && {
        codedDetails: await this.#codec.encode(JSON.stringify(details), { runId, field }),
      }),
      ...(cause && { cause: await this.#closed(runId, field, cause) }),
      ...(errors && { errors: await Promise.all(errors.map((each) => this.#closed(runId, field, each))) }),
    };
  }

  async #openedError(runId: string, field: string, error: CodedError): Promise<ErrorRecord> {
    const { codedDetails, cause, errors, ...rest } = error;
    return {
      ...rest,
      ...(codedDetails !== undefined && {
        details: JSON.parse(await this.#decode(runId, field, codedDetails)) as Json,
      }),
      ...(cause && { cause: await this.#openedError(runId, field, cause) }),
      ...(errors && {
        errors: await Promise.all(errors.map((each) => this.#openedError(runId, field, each))),
      }),
    };
  }

  async #decode(runId: string, field: string, coded: string): Promise<string> {
    const place = { runId, field };
    try {
      const plain = await this.#codec.decode(coded, place);
      JSON.parse(plain);
      return plain;
    } catch (error) {
      throw new UnreadablePayloadError(place, error instanceof Error ? error.message : String(error), error);
    }
  }
}

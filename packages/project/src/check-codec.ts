import { OperatorError } from '@holdfast/app-kit';
import type { PayloadCodec } from '@holdfast/engine';

/**
 * What a process asks before it reads or keeps a payload.
 * @throws OperatorError or ConfigError that says what the codec lacks
 */
export function checkCodec(codec: PayloadCodec | undefined): void {
  if (!codec) return;
  codec.check?.();
  const probe = '{"probe":true}';
  const place = { runId: 'run_probe', field: 'input' };
  let back: unknown;
  try {
    const coded = codec.encode(probe, place);
    if (typeof coded !== 'string') return; // one that asks somebody is tried with the first run
    back = codec.decode(coded, place);
  } catch (error) {
    throw new OperatorError(
      `the config's \`codec\` does not work: ${error instanceof Error ? error.message : error}`,
    );
  }
  if (typeof back === 'string' && back !== probe)
    throw new OperatorError(
      "the config's `codec` does not give back what it was given: `decode` must undo `encode`",
    );
}

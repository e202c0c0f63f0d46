import { encryptionKeys, fileVariable, readConfig } from '@holdfast/app-kit';
import type { PayloadCodec, PayloadPlace } from '@holdfast/engine';
import type { z } from 'zod';

export interface AesGcmOptions {
  /** Where HOLDFAST_ENCRYPTION_KEYS is, or the variable that names its file. @default `process.env` */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const KEYS = encryptionKeys.unwrap();
type Keys = z.infer<typeof KEYS>;

/** How long keys that stand in a file are used before the file is read again. */
const READ_AGAIN_MS = 1_000;

/**
 * A codec that encrypts payloads with AES-256-GCM, under the first key of HOLDFAST_ENCRYPTION_KEYS (`id:base64[,id:base64…]`), and decrypts what any
 * of them has encrypted. A payload decrypts only where it was put: it cannot be moved to another run or step. `npm start` and `dev` make a key.
 * @example export default defineConfig({ flows: [hello], codec: aesGcm() });
 */
export function aesGcm({ env = process.env }: AesGcmOptions = {}): PayloadCodec {
  let sealer: Keys | undefined;
  let readAt = 0;
  const keys = (): Keys => {
    const fromFile = Boolean(env[fileVariable('HOLDFAST_ENCRYPTION_KEYS')]);
    if (sealer && (!fromFile || performance.now() - readAt < READ_AGAIN_MS)) return sealer;
    readAt = performance.now();
    try {
      sealer = readConfig({ HOLDFAST_ENCRYPTION_KEYS: KEYS }, env).HOLDFAST_ENCRYPTION_KEYS;
    } catch (error) {
      // a file that is being replaced may be away for a moment
      if (!sealer) throw error;
    }
    return sealer;
  };
  return {
    encode: (plain, place) => keys().seal(plain, purposeOf(place)),
    decode: (coded, place) => keys().open(coded, purposeOf(place)),
    check: () => void keys(),
  };
}

function purposeOf({ runId, field }: PayloadPlace): string {
  return `payload:${runId}:${field}`;
}

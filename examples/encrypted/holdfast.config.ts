import { aesGcm, defineConfig } from 'holdfast';
import { referral } from './flows/referral.ts';

export default defineConfig({ flows: [referral], codec: aesGcm() });

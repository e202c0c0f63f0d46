// #region config
import { defineConfig } from 'holdfast';
import { notify } from './flows/notify.ts';
import { mail } from './providers/mail.ts';
import { slack } from './providers/slack.ts';
import { sms } from './providers/sms.ts';

export default defineConfig({ flows: [notify], providers: [slack, mail, sms] });
// #endregion

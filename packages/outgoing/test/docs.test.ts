import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { afterAll, describe, expect, test } from 'vitest';

const DOCS = readFileSync(fileURLToPath(new URL('../../../docs/webhooks-out.md', import.meta.url)), 'utf8');
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const ID = 'msg_1';
const BODY = '{"type":"run.completed","data":{"é":"ü"}}';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-verify-'));
afterAll(() => rmSync(folder, { recursive: true }));

function snippet(language: string, what: string): string {
  const blocks = [...DOCS.matchAll(/```(\w+)\n([\s\S]*?)```/g)];
  const found = blocks.find(([, name, text]) => name === language && text?.includes(what));
  if (!found?.[2]) throw new Error(`no ${language} block with ${what}`);
  return found[2];
}

describe('docs/webhooks-out.md verifies what Holdfast signs', () => {
  const now = new Date();
  const timestamp = String(Math.floor(now.getTime() / 1_000));
  const signature = new Webhook(SECRET).sign(ID, now, BODY);

  test.each([
    [signature, 'True'],
    [`v1,AAAA ${signature}`, 'True'],
    [new Webhook(SECRET).sign(ID, now, `${BODY} `), 'False'],
  ])('in Python: %s', (given, verdict) => {
    const headers = { 'webhook-id': ID, 'webhook-timestamp': timestamp, 'webhook-signature': given };
    const program = `${snippet('python', 'hmac')}\nprint(verify(${[SECRET, headers].map((each) => JSON.stringify(each)).join(', ')}, ${JSON.stringify(BODY)}.encode()))`;
    expect(execFileSync('python3', ['-c', program], { encoding: 'utf8' }).trim()).toBe(verdict);
  });

  test('in a shell', () => {
    writeFileSync(join(folder, 'body'), BODY);
    const env = { ...process.env, SECRET, WEBHOOK_ID: ID, WEBHOOK_TIMESTAMP: timestamp };
    const printed = execFileSync('sh', ['-c', snippet('sh', 'hexkey')], {
      cwd: folder,
      env,
      encoding: 'utf8',
    });
    expect(printed.trim()).toBe(signature);
  });
});

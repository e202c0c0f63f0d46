import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

const LOGS = `
import { createLogger } from '@holdfast/app-kit';
const error = Object.assign(new Error('OOM command not allowed'), { command: { name: 'evalsha', args: ['sk_live_secret'] } });
createLogger('worker', 'info').error({ err: error }, 'cannot record a step');
`;

it('logs an error of Redis with the name of its command and without the arguments', () => {
  const line = execFileSync(process.execPath, ['--input-type=module', '-e', LOGS], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
    env: { ...process.env, NODE_ENV: 'production' },
  });
  expect(line).not.toContain('sk_live_secret');
  expect(JSON.parse(line)).toMatchObject({
    msg: 'cannot record a step',
    err: { message: 'OOM command not allowed', command: 'evalsha' },
  });
});

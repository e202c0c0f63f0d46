import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findConfig, loadConfig } from '../src/index.ts';

// below the repository, so that what the files import is found
const PARENT = new URL('.', import.meta.url).pathname;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(PARENT, '.project-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const load = (env: Record<string, string> = {}) => loadConfig(env, folder);

const FLOW = `import { defineFlow, RejectedError } from '@holdfast/engine';
import { z } from 'zod';
export const hello: ReturnType<typeof defineFlow> = defineFlow({
  name: 'hello', version: 1, input: z.object({ name: z.string() }), output: z.unknown(),
  async run(): Promise<unknown> { throw new RejectedError({ code: 'no', message: 'No.' }); },
});
`;
const CONFIG = `import { defineConfig } from '@holdfast/project';
import { hello } from './hello.ts';
export default defineConfig({ flows: [hello] });
`;

/** What is said of a config that cannot be used. */
async function refusal(text: string, name = 'holdfast.config.ts'): Promise<string> {
  write('hello.ts', FLOW);
  write(name, text);
  const message = await load().then(
    () => 'it loads',
    (error: Error) => error.message,
  );
  expect(message.split('\n').length).toBeLessThanOrEqual(5);
  expect(message).not.toContain(folder);
  return message;
}

describe('a config', () => {
  it('is loaded from TypeScript without a build, and shares the classes of this process', async () => {
    write('hello.ts', FLOW);
    write('holdfast.config.ts', CONFIG);
    // in a process of its own: this one's imports go through the test runner
    write(
      'load.mjs',
      `import { RejectedError } from '@holdfast/engine';
      import { loadConfig } from '@holdfast/project';
      const { flows: [flow] } = await loadConfig({}, import.meta.dirname);
      const error = await flow.run().catch((thrown) => thrown);
      console.log(flow.name, flow.version, error instanceof RejectedError);`,
    );
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'load.mjs')]);
    expect(stdout.trim()).toBe('hello 1 true');
  });

  it.each(['holdfast.config.js', 'holdfast.config.mjs'])('may be %s', async (name) => {
    write('hello.ts', FLOW);
    write(name, CONFIG);
    expect((await load()).flows).toHaveLength(1);
  });

  it('is another file where HOLDFAST_CONFIG names it, from the current folder', async () => {
    write('hello.ts', FLOW);
    write('other.ts', CONFIG);
    expect(findConfig({ HOLDFAST_CONFIG: 'other.ts' }, folder)).toBe(join(folder, 'other.ts'));
    expect((await load({ HOLDFAST_CONFIG: 'other.ts' })).flows).toHaveLength(1);
  });

  it('that is not there is said so, with what to do', async () => {
    await expect(load()).rejects.toThrow(/^holdfast\.config\.ts: there is none.*\n.*npx holdfast init/);
    await expect(load({ HOLDFAST_CONFIG: 'nowhere.ts' })).rejects.toThrow(
      /^nowhere\.ts: there is no such file/,
    );
  });
});

describe('a config that cannot be used is refused with its file, the line and what to do', () => {
  it.each([
    [
      'throws',
      `export const a = 1;\nthrow new Error('no database');\n`,
      /^holdfast\.config\.ts:2: no database/,
    ],
    ['does not parse', `export default {\n  flows: [,\n`, /^holdfast\.config\.ts:\d/],
    [
      'exports nothing',
      `export const flows = 1;\n`,
      /^holdfast\.config\.ts: has no default export; end it with/,
    ],
    ['imports what is not there', `import './gone.ts';\n`, /^holdfast\.config\.ts.*gone/s],
    [
      'has no flows',
      `export default { flows: [] };`,
      /^holdfast\.config\.ts: `flows` must name at least one/,
    ],
    [
      'has something else as a flow',
      `export default { flows: [1] };`,
      /`flows\[0\]` is no flow; export what/,
    ],
    [
      'has a flow twice',
      `import { hello } from './hello.ts';\nexport default { flows: [hello, hello] };`,
      /the flow "hello" is there twice with version 1/,
    ],
    [
      'has an unknown member',
      `import { hello } from './hello.ts';\nexport default { flows: [hello], queues: [] };`,
      /`queues` is not known; a config has `flows`, `providers`, `routes`.*`classify`/,
    ],
    [
      'has a provider that is none',
      `import { hello } from './hello.ts';\nexport default { flows: [hello], providers: [{}] };`,
      /`providers\[0\]` is no provider/,
    ],
    [
      'has a classify that is none',
      `import { hello } from './hello.ts';\nexport default { flows: [hello], classify: {} };`,
      /`classify` must be a function/,
    ],
    [
      'has an input that JSON Schema cannot show',
      `import { z } from 'zod';\nimport { hello } from './hello.ts';\nexport default { flows: [{ ...hello, input: z.object({ at: z.date() }) }] };`,
      /input of the flow "hello" cannot be shown as JSON Schema/,
    ],
  ])('one that %s', async (_what, text, says) => {
    expect(await refusal(text)).toMatch(says);
  });

  it('names the imported file in which it went wrong', async () => {
    write('broken.ts', `export const a = 1;\n\nnull.x;\n`);
    expect(await refusal(`import './broken.ts';\nexport default {};`)).toMatch(/^broken\.ts:3: /);
  });
});

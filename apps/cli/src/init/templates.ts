/** What `holdfast init` writes, by file name. */
export const TEMPLATES: Readonly<Record<string, string>> = {
  'holdfast.config.ts': `import { defineConfig } from 'holdfast';
import { hello } from './flows/hello.ts';

// What the system runs. Add your flows here.
export default defineConfig({ flows: [hello] });
`,
  'flows/hello.ts': `import { defineFlow, type StepCall } from 'holdfast';
import { z } from 'zod';

/** Who is called to greet; handed in, so that the test can cut it off. */
export type Greet = (name: string, call: StepCall) => Promise<string>;

// Call your service here, and send it call.idempotencyKey: the same for every try of the step.
const greet: Greet = async (name) => \`Hello, \${name}!\`;

export const helloWith = (greet: Greet) =>
  defineFlow({
    name: 'hello',
    version: 1,
    input: z.strictObject({ name: z.string().min(1).max(100) }),
    output: z.strictObject({ greeting: z.string() }),
    async run(ctx, { name }) {
      // A step's result is recorded. After a crash the run goes on behind the last recorded step.
      const greeting = await ctx.step('greet', {
        run: (call) => greet(name, call),
        whenInDoubt: 'repeat', // the service recognises a repeated key
      });
      return { greeting };
    },
  });

export const hello = helloWith(greet);
`,
  'test/hello.test.ts': `import { crashEverywhere } from 'holdfast/testing';
import { expect, test } from 'vitest';
import { helloWith } from '../flows/hello.ts';

// Runs the flow again for each point at which its worker can die or a reply can be lost, on a real Redis (redis-server must be on
// the PATH), and holds each time that the effect happened once.
test('greets once, wherever its worker crashes', async () => {
  const report = await crashEverywhere(
    (providers) =>
      helloWith((name, call) =>
        providers.call(call, { operation: 'greet', body: { name }, answer: () => \`Hello, \${name}!\` }),
      ),
    { name: 'Ada' },
    {
      expect: ({ run }) =>
        expect(run).toMatchObject({ status: 'completed', output: { greeting: 'Hello, Ada!' } }),
    },
  );
  expect(report.executions).toBeGreaterThan(10);
}, 60_000);
`,
  '.env.example': `# Copy it to .env, which \`holdfast dev\` reads; the environment wins.
# HOLDFAST_API_PORT=3000
# HOLDFAST_DASHBOARD_PORT=3001
# In production these have no default:
# HOLDFAST_REDIS_URL=redis://127.0.0.1:6379
# HOLDFAST_DASHBOARD_PASSWORD=
`,
  Dockerfile: `# One image for each process; the command says which: docker run <image> api | worker | dashboard
FROM node:20-slim
WORKDIR /app
ENV NODE_ENV=production HOLDFAST_HOST=0.0.0.0
COPY package.json package-lock.json ./
RUN npm ci --omit=dev
COPY . .
USER node
ENTRYPOINT ["node_modules/.bin/holdfast"]
CMD ["worker"]
`,
  '.gitignore': `node_modules/
.holdfast/
.env
`,
};

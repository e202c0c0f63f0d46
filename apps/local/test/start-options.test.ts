import { expect, test } from 'vitest';
import { readSettings } from '../src/settings.ts';
import { parseStartOptions } from '../src/start-options.ts';

test('two workers, data kept, unless said otherwise', () => {
  expect(parseStartOptions([])).toEqual({ kind: 'start', workers: 2, reset: false });
  expect(parseStartOptions(['--workers', '3', '--reset'])).toEqual({
    kind: 'start',
    workers: 3,
    reset: true,
  });
  expect(parseStartOptions(['--help'])).toEqual({ kind: 'help' });
});

test.each([
  [['--wrokers', '3'], /--wrokers/],
  [['--workers'], /--workers/],
  [['--workers', 'many'], /whole number from 0 to 64, got "many"/],
  [['--workers', '65'], /got "65"/],
  [['--workers', '1.5'], /got "1.5"/],
  [['more'], /more/],
])('%j is refused', (args, message) => {
  const options = parseStartOptions(args);
  expect(options).toMatchObject({ kind: 'wrong', message: expect.stringMatching(message) });
});

test('every fault of the environment is named at once', () => {
  const env = {
    HOLDFAST_API_PORT: '99999',
    HOLDFAST_REDIS_URL: 'http://localhost',
    HOLDFAST_DEV_KEY: 'secret',
    HOLDFAST_DASHBOARD_USER: 'a:b',
  };
  expect(() => readSettings(env, { workers: 1 })).toThrow(
    expect.objectContaining({
      code: 'config_invalid',
      faults: expect.arrayContaining(
        Object.keys(env).map((variable) => expect.objectContaining({ variable })),
      ),
    }),
  );
});

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../', import.meta.url);

/** What a stranger had to read twice, and what to write instead. */
const RETIRED: readonly (readonly [phrase: RegExp, instead: string])[] = [
  [/\bmend(s|ed|ing)?\b/i, 'fix'],
  [/so many a second/i, 'per second'],
  [/\bas (the|its|each) step says\b/i, "the step's `whenInDoubt`"],
  [/\bno worker had heard\b/i, 'say what was lost'],
  [/\bvouch(es|ed)?\b/i, 'attest, declare, promise'],
  [/\b(lets?|letting) go of\b/i, 'release, abandon'],
  [/\b(redis|provider|service) is away\b/i, 'unreachable'],
  [/\bsees? to it\b/i, 'make sure'],
  [/\bnone that (this|the|a) (list|page)\b/i, 'unknown'],
  [/\bwhat went otherwise\b/i, 'problems along the way'],
  [/\bfor looking only\b/i, 'read-only'],
  [/\b(could|can) be told, and\b/i, 'known'],
  [/\btells what there is\b/i, 'run `holdfast --help` for usage'],
  [/\bin earnest\b/i, 'in production'],
  [/\bas many \w+ (are|as) \w+ as may be\b/i, 'limit reached'],
  [/\btook it over since\b/i, 'has taken it over'],
  [/\bgone otherwise\b/i, 'failed'],
  [/\bis none of ours\b/i, 'is not ours'],
  [/\bis there for others\b/i, 'is available'],
];

/** Texts and docstrings that people read: the docs and what the code says. Tests may speak as they like. */
const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => /\.(md|ts|mts|mjs|js|lua|html)$/.test(file))
  .filter((file) => !/(^|\/)test\//.test(file) && file !== 'CHANGELOG.md');

it.each(RETIRED)('nobody is told %s; write: %s', (phrase) => {
  const found = files.flatMap((file) =>
    readFileSync(new URL(file, root), 'utf8')
      .split('\n')
      .flatMap((line, index) =>
        phrase.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 160)}`] : [],
      ),
  );
  expect(found).toEqual([]);
});

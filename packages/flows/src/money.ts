import { z } from 'zod';

/** Currencies that can be charged in, as Stripe has them: ISO 4217, in lower case. */
const CODES = [
  ...[
    'aed',
    'afn',
    'all',
    'amd',
    'ang',
    'aoa',
    'ars',
    'aud',
    'awg',
    'azn',
    'bam',
    'bbd',
    'bdt',
    'bgn',
    'bhd',
  ],
  ...[
    'bif',
    'bmd',
    'bnd',
    'bob',
    'brl',
    'bsd',
    'bwp',
    'byn',
    'bzd',
    'cad',
    'cdf',
    'chf',
    'clp',
    'cny',
    'cop',
  ],
  ...[
    'crc',
    'cve',
    'czk',
    'djf',
    'dkk',
    'dop',
    'dzd',
    'egp',
    'etb',
    'eur',
    'fjd',
    'fkp',
    'gbp',
    'gel',
    'gip',
  ],
  ...[
    'gmd',
    'gnf',
    'gtq',
    'gyd',
    'hkd',
    'hnl',
    'htg',
    'huf',
    'idr',
    'ils',
    'inr',
    'isk',
    'jmd',
    'jod',
    'jpy',
  ],
  ...[
    'kes',
    'kgs',
    'khr',
    'kmf',
    'krw',
    'kwd',
    'kyd',
    'kzt',
    'lak',
    'lbp',
    'lkr',
    'lrd',
    'lsl',
    'mad',
    'mdl',
  ],
  ...[
    'mga',
    'mkd',
    'mmk',
    'mnt',
    'mop',
    'mur',
    'mvr',
    'mwk',
    'mxn',
    'myr',
    'mzn',
    'nad',
    'ngn',
    'nio',
    'nok',
  ],
  ...[
    'npr',
    'nzd',
    'omr',
    'pab',
    'pen',
    'pgk',
    'php',
    'pkr',
    'pln',
    'pyg',
    'qar',
    'ron',
    'rsd',
    'rub',
    'rwf',
  ],
  ...[
    'sar',
    'sbd',
    'scr',
    'sek',
    'sgd',
    'shp',
    'sle',
    'sos',
    'srd',
    'szl',
    'thb',
    'tjs',
    'tnd',
    'top',
    'try',
  ],
  ...[
    'ttd',
    'twd',
    'tzs',
    'uah',
    'ugx',
    'usd',
    'uyu',
    'uzs',
    'vnd',
    'vuv',
    'wst',
    'xaf',
    'xcd',
    'xof',
    'xpf',
  ],
  ...['yer', 'zar', 'zmw'],
] as const;

/** The largest amount of one charge, in minor units, where it is not `MAX_AMOUNT`. */
const LARGEST: Readonly<Record<string, number>> = {
  ...{ inr: 999_999_999, cop: 9_999_999_999, huf: 9_999_999_999, jpy: 9_999_999_999 },
  ...{ idr: 999_999_999_999, lbp: 999_999_999_999 },
};

/**
 * What amounts are multiples of, where it is not 1. ISK and UGX have no minor unit and are written with two digits all the same; of the
 * three digits of the others, cards know the first two.
 */
const MULTIPLES: Readonly<Record<string, number>> = {
  ...{ isk: 100, ugx: 100 },
  ...{ bhd: 10, jod: 10, kwd: 10, omr: 10, tnd: 10 },
};

/** The largest amount that a charge may have in most currencies, in minor units. */
export const MAX_AMOUNT = 99_999_999;

/** The largest of all. */
export const LARGEST_AMOUNT = Math.max(MAX_AMOUNT, ...Object.values(LARGEST));

/** Minor units, at least one; what a currency allows is for `amountFault`. */
export const Amount = z.int().min(1).max(LARGEST_AMOUNT);

export const Currency = z.enum(CODES, {
  error: 'must be a lower-case ISO 4217 code that can be charged in, such as "usd"',
});

/**
 * What is wrong with an amount of this currency, if anything.
 * @param amount minor units; exact at any size
 */
export function amountFault(amount: bigint, currency: string): string | undefined {
  const largest = LARGEST[currency] ?? MAX_AMOUNT;
  if (amount < 1n || amount > BigInt(largest)) {
    return `must be from 1 to ${largest} minor units of ${currency}, is ${amount}`;
  }
  const multiple = MULTIPLES[currency] ?? 1;
  if (amount % BigInt(multiple) === 0n) return undefined;
  return `must be a multiple of ${multiple} in ${currency}, is ${amount}`;
}

import { bare } from './bare.ts';
import { byHand } from './by-hand.ts';
import type { Contender, ContenderName } from './contender.ts';
import { holdfast } from './holdfast.ts';

export const contenders: Readonly<Record<ContenderName, Contender>> = { bare, byHand, holdfast };

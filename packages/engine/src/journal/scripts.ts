import { scriptsIn } from '@holdfast/redis';

/** Loads one of the journal's scripts. Reached from `src/journal` and `dist/journal` alike. */
export const loadScript = scriptsIn(new URL('../../src/journal/lua/', import.meta.url));

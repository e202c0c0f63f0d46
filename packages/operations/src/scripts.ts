import { scriptsIn } from '@holdfast/redis';

/** Loads one of this package's scripts. Reached from `src` and `dist` alike. */
export const loadScript = scriptsIn(new URL('../src/lua/', import.meta.url));

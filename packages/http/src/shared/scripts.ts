import { scriptsIn } from '@holdfast/redis';

/** Loads one of the scripts that limits, health and pins share. Reached from `src/shared` and `dist/shared` alike. */
export const loadScript = scriptsIn(new URL('../../src/shared/lua/', import.meta.url));

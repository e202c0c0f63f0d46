/** Money can be given back as long as its run is kept; a system that says how long (`HOLDFAST_RETENTION`) is believed. */
export const KEPT = { unlessSet: '400d' } as const;

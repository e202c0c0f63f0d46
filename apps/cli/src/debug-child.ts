// The debugger stops here first: continue. It stops again where your flow is about to begin.
await import('./debug-play.ts');

export {};

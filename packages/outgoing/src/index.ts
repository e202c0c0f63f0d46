export { type AllowList, readAllowList } from './allow-list.ts';
export { createEndpointGuard, type EndpointGuard, type GuardOptions, type Resolve } from './guard.ts';
export { EndpointRefusedError } from './refusal.ts';

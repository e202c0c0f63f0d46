export { freePort } from './free-port.ts';
export { startRedis, type TestRedis } from './redis.ts';
export { waitFor } from './wait-for.ts';

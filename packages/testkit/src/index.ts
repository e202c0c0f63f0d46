export { crashAtRandom, type RandomCrashOptions, type RandomCrashReport } from './crash-at-random.ts';
export {
  type CrashOptions,
  type CrashReport,
  crashEverywhere,
  interruptEverywhere,
} from './crash-everywhere.ts';
export { freePort } from './free-port.ts';
export { type InventedStep, Providers } from './providers.ts';
export { type Actor, type RaceOptions, type RaceReport, type Results, raceInEveryOrder } from './race.ts';
export { startRedis, type TestRedis } from './redis.ts';
export {
  hasNginx,
  type ReverseProxy,
  type ReverseProxyOptions,
  startNginx,
  startSmallProxy,
} from './reverse-proxy.ts';
export type { Backstage, Ending, OutsideScene, Scenario } from './scenario.ts';
export { chooseSeed, pick, type Random, seededRandom } from './seeded-random.ts';
export { type Command, startTcpProxy, type TcpProxy } from './tcp-proxy.ts';
export { waitFor } from './wait-for.ts';
export type { CallRequest, Effect, ReceivedCall, World } from './world.ts';

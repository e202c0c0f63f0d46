export {
  behindProxy,
  isTrustedProxy,
  NO_PROXY,
  type ProxySettings,
  proxySettings,
  proxyVariables,
} from './behind-proxy.ts';
export {
  encryptionKeys,
  host,
  logLevel,
  pem,
  port,
  positiveNumber,
  readConfig,
  redisSettings,
  redisUrl,
  redisVariables,
  url,
  wholeNumber,
} from './config.ts';
export { ConfigError } from './config-error.ts';
export { duration } from './duration.ts';
export { addHealthRoutes, createMetrics, type Health } from './health.ts';
export { addHost, basePathOf, type Host } from './host.ts';
export { explainListenError, listen } from './listen.ts';
export { createLogger, type Logger } from './logger.ts';
export { type PlaceBounds, Places } from './places.ts';
export {
  checkRedis,
  type Durability,
  Preflight,
  type PreflightReport,
  type PreflightSettings,
  preflightSettings,
  preflightVariables,
  refusing,
} from './preflight.ts';
export { type NodeFacts, type RedisFacts, readFacts } from './preflight-facts.ts';
export { describeFinding } from './preflight-report.ts';
export { type Finding, type Gravity, judgeRedis } from './preflight-rules.ts';
export { OperatorError, onShutdown, runMain, surviveStrayRejections } from './process.ts';
export { isAnswering, refuseConnect, refuseOnSocket } from './raw-http.ts';
export { connectRedis, type RedisUse, useLoginOf } from './redis.ts';
export { fileVariable, fromFiles, watchSecretFiles } from './secret-files.ts';

export {
  ConfigError,
  host,
  logLevel,
  port,
  positiveNumber,
  readConfig,
  redisUrl,
  url,
  wholeNumber,
} from './config.ts';
export { duration } from './duration.ts';
export { addHealthRoutes, createMetrics, type Health } from './health.ts';
export { explainListenError, listen } from './listen.ts';
export { createLogger, type Logger } from './logger.ts';
export { OperatorError, onShutdown, runMain } from './process.ts';
export { connectRedis, type RedisConnection, type RedisUse } from './redis.ts';

export { isRedisAway } from './away.ts';
export {
  changeLogin,
  openRedis,
  type RedisConnection,
  type RedisSettings,
  type RedisTls,
  whereIs,
} from './connect.ts';
export { NAMESPACE, namespaceOf, setNamespace, tagIn, tagOf } from './namespace.ts';
export { sendInOneWrite } from './one-write.ts';
export { runScript, type Script, type ScriptReply, scriptsIn } from './scripts.ts';
export { createSealer, type Sealer } from './sealer.ts';
export { type RedisUrls, redisUrlsOf } from './urls.ts';

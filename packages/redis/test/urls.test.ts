import { describe, expect, it } from 'vitest';
import { redisUrlsOf, whereIs } from '../src/index.ts';

describe('where Redis is', () => {
  it.each([
    ['redis://127.0.0.1:6390', ['redis://127.0.0.1:6390'], '127.0.0.1:6390'],
    ['rediss://app:p%2Fw@cache.example', ['rediss://app:p%2Fw@cache.example'], 'cache.example'],
    ['redis://a:1, redis://b:2', ['redis://a:1', 'redis://b:2'], 'a:1, b:2'],
    ['unix:///run/redis.sock', ['unix:///run/redis.sock'], '/run/redis.sock'],
    ['unix://app:secret@/run/redis.sock?db=2', ['unix://app:secret@/run/redis.sock?db=2'], '/run/redis.sock'],
    [
      'redis+sentinel://app:secret@s1:26379,s2/shop',
      ['redis+sentinel://app:secret@s1:26379,s2/shop'],
      'shop of the sentinels s1:26379, s2:26379',
    ],
  ])('%s', (text, urls, where) => {
    expect(redisUrlsOf(text)).toEqual(urls);
    expect(whereIs(redisUrlsOf(text))).toBe(where);
  });

  it.each([
    ['http://127.0.0.1:6390', 'expected redis://'],
    ['redis://', 'expected redis://'],
    ['redis://app:s3cr#t@cache.example', 'percent-encode'],
    ['redis://app:s3cret/@cache.example', 'percent-encode'],
    ['redis://app:s3cret\n@cache.example', 'control characters'],
    ['redis+sentinel://app:s3cret@s1:26379', 'expected redis://'],
    ['redis+sentinel://app:s3/cret@s1:26379/shop', 'percent-encode'],
    ['redis://a:1,unix:///run/redis.sock', 'expected redis://'],
    ['unix://', 'the path of the socket is missing'],
  ])('refuses %j, without repeating it', (text, expected) => {
    expect(() => redisUrlsOf(text)).toThrow(expected);
    try {
      redisUrlsOf(text);
    } catch (error) {
      expect(String(error)).not.toContain('s3');
    }
  });
});

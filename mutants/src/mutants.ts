import type { Mutant, Tests } from './mutant.ts';

const SRC = 'packages/engine/src';
const LUA = `${SRC}/journal/lua`;

const engine = (file: string, named?: string): Tests => ({
  files: [`packages/engine/test/${file}.test.ts`],
  ...(named !== undefined && { named }),
});

/** Every one of them loses, doubles or forgets something, in a way that has been seen in the wild or in this house. */
export const MUTANTS: readonly Mutant[] = [
  // who may write
  {
    name: 'a step is recorded without a look at the fence',
    file: `${LUA}/record-step.lua`,
    find: `if refused then return 'stale_owner' end`,
    replace: '',
    tests: engine('journal'),
  },
  {
    name: 'a run is finished without a look at the fence',
    file: `${LUA}/finish-run.lua`,
    find: 'if refused then return refused end',
    replace: '',
    tests: engine('journal'),
  },
  {
    name: 'a claim does not raise the epoch',
    file: `${LUA}/claim-run.lua`,
    find: 'local epoch = (tonumber(f[5]) or 0) + 1',
    replace: 'local epoch = tonumber(f[5]) or 1',
    tests: engine('journal'),
  },
  {
    name: 'a new job does not shut out the present owner',
    file: `${LUA}/reissue-run.lua`,
    find: `if not has_let_go(f[3]) then`,
    replace: 'if false then',
    tests: engine('journal'),
  },
  {
    name: 'an old job may claim a run that has a new one',
    file: `${LUA}/claim-run.lua`,
    find: `if f[2] ~= job then return { 'superseded' } end`,
    replace: '',
    tests: engine('journal'),
  },
  {
    name: 'a worker takes runs of versions that it lacks',
    file: `${LUA}/claim-run.lua`,
    find: `if not string.find(versions, ',' .. f[3] .. ',', 1, true) then`,
    replace: 'if false then',
    tests: engine('versions'),
  },
  {
    name: 'a lost run does not abort the call',
    file: `${SRC}/worker.ts`,
    find: `if (run && workerOf(run.owner) !== this.id) calls.giveUp('run_lost')`,
    replace: `if (run && workerOf(run.owner) === undefined) calls.giveUp('run_lost')`,
    tests: engine('life'),
  },

  // once, however often it is sent
  {
    name: 'a finish that is sent again is an error',
    file: `${LUA}/finish-run.lua`,
    find: `if refused == 'repeated' then return 'finished' end`,
    replace: '',
    tests: engine('journal'),
  },
  {
    name: 'a claim that is sent again is another claim',
    file: `${LUA}/claim-run.lua`,
    find: `if f[4] == owner_of(f[5] or '', claimant) then`,
    replace: 'if false then',
    tests: engine('journal'),
  },
  {
    name: 'a burial that is sent again is another death',
    file: `${LUA}/bury-run.lua`,
    find: `if refused == 'repeated' then return { 'buried', deaths } end
if refused then return { refused } end`,
    replace: `if refused == 'stale_owner' then return { refused } end`,
    tests: engine('journal'),
  },
  {
    name: 'a signal with the same id is another signal',
    file: `${LUA}/deliver-signal.lua`,
    find: `if redis.call('HEXISTS', KEYS[1], 'g:' .. ARGV[2]) == 1 then return { 'repeated' } end`,
    replace: '',
    tests: engine('waiting', 'takes signals in the order'),
  },
  {
    name: 'a recorded outcome is overwritten',
    file: `${LUA}/lib/owned.lua`,
    find: `  if not record then return false end`,
    replace: `  if record or not record then return false end`,
    tests: engine('journal'),
  },
  {
    name: 'the run id is random',
    file: `${SRC}/journal/keys.ts`,
    find: 'JSON.stringify([tenant, flow, idempotencyKey])',
    replace: 'JSON.stringify([tenant, flow, idempotencyKey, Math.random()])',
    tests: engine('sweeper', 'a hundred equal submissions'),
  },
  {
    name: 'a key is used again for another request',
    file: `${LUA}/create-run.lua`,
    find: `if fingerprint ~= ARGV[2] then return { 'key_reused', now } end`,
    replace: '',
    tests: engine('sweeper', 'a hundred equal submissions'),
  },
  {
    name: 'a rerun that is asked for twice starts twice',
    file: `${LUA}/rerun-run.lua`,
    find: `if f[2] ~= ARGV[2] then return { 'repeated' } end`,
    replace: '',
    tests: engine('versions', 'a rerun begins anew'),
  },

  // effects
  {
    name: 'a step is recorded as done before its effect',
    file: `${SRC}/drive/step-runner.ts`,
    find: `if (effect.whenInDoubt !== 'repeat')
      writer.hold(effect.field, { ...intentOf(start, writer.now()), rule: ruleWord(effect.whenInDoubt) });`,
    replace: `writer.hold(
      effect.field,
      { ...intentOf(start, writer.now()), kind: 'completed', finishedAt: start.startedAt, result: null },
      'null',
    );`,
    tests: engine('crash', 'killed at pay, before'),
  },
  {
    name: 'the next effect starts before the last outcome is recorded',
    file: `${SRC}/drive/step-runner.ts`,
    find: 'const written = await writer.flush();',
    replace: `const written = await Promise.race([writer.flush(), Promise.resolve('done' as const)]);`,
    tests: engine('effects'),
  },
  {
    name: 'a look-up is skipped',
    file: `${SRC}/drive/step-runner.ts`,
    find: `if (typeof whenInDoubt === 'function') {`,
    replace: `if (typeof whenInDoubt === 'function' && start.attempts > 99) {`,
    tests: engine('run', 'looks an effect in doubt up'),
  },
  {
    name: 'an effect that only a person can answer for is repeated',
    file: `${SRC}/drive/step-runner.ts`,
    find: `if (whenInDoubt === 'halt') return this.#halted(effect, start);`,
    replace: `if (whenInDoubt === 'halt' && start.attempts > 99) return this.#halted(effect, start);`,
    tests: engine('limits', 'forgets its key in time'),
  },
  {
    name: 'a doubt is forgotten after an attempt that did nothing',
    file: `${SRC}/drive/step-progress.ts`,
    find: '!keySpent && (anew || standing.inDoubt)',
    replace: '!keySpent && anew',
    tests: engine('step-progress'),
  },
  {
    name: 'a key that the provider has forgotten is sent again',
    file: `${SRC}/drive/step-runner.ts`,
    find: 'start.startedAt > keyLifetimeMs',
    replace: 'start.startedAt > keyLifetimeMs * 1_000',
    tests: engine('limits', 'forgets its key in time'),
  },
  {
    name: 'each attempt has a key of its own',
    file: `${SRC}/journal/identity.ts`,
    find: `\${keyAttempt > 1 ? \`:\${keyAttempt}\` : ''}`,
    replace: `\${keyAttempt > 0 ? \`:\${Math.random()}\` : ''}`,
    tests: engine('run', 'tries again under the same key'),
  },
  {
    name: 'a definite no that is tried again keeps its key',
    file: `${SRC}/drive/step-progress.ts`,
    find: 'keyAttempt: attempts + 1, inDoubt: false',
    replace: 'keyAttempt: 1, inDoubt: false',
    tests: engine('step-progress'),
  },
  {
    name: 'the key is without the generation',
    file: `${SRC}/journal/identity.ts`,
    find: `\${runId}:\${generation}:\${step}`,
    replace: `\${runId}:\${Math.min(1, generation)}:\${step}`,
    tests: engine('effects'),
  },

  // undoing
  {
    name: 'undos run in the order of the steps',
    file: `${SRC}/drive/compensation.ts`,
    find: 'seqOf(b) - seqOf(a)',
    replace: 'seqOf(a) - seqOf(b)',
    tests: engine('run', 'undoes in reverse order'),
  },
  {
    name: 'an undo that is recorded is done again',
    file: `${SRC}/drive/compensation.ts`,
    find: `.get(undoFieldOf(field))?.kind !== 'completed')
    .sort`,
    replace: `.get(undoFieldOf(field))?.kind !== undefined || true)
    .sort`,
    tests: engine('interrupted'),
  },
  {
    name: 'what is in doubt is left so when the rest is undone',
    file: `${SRC}/journal/step-record.ts`,
    find: `(record.kind === 'retrying' && record.inDoubt)`,
    replace: `(record.kind === 'retrying' && record.inDoubt && record.seq < 0)`,
    tests: engine('interrupted'),
  },
  {
    name: 'a run completes though a cancel came first',
    file: `${LUA}/finish-run.lua`,
    find: `if run.cancel and run.status == 'running' then return 'cancel_requested' end`,
    replace: '',
    tests: engine('interrupted'),
  },
  {
    name: 'a record is dropped when a cancel comes between',
    file: `${SRC}/drive/run-writer.ts`,
    find: `    if (reply === 'cancel_requested') {
      for`,
    replace: `    if (reply === 'cancel_requested' && entries.length < 0) {
      for`,
    tests: engine('interrupted'),
  },

  // retries
  {
    name: 'Retry-After is ignored',
    file: `${SRC}/contract/retry-policy.ts`,
    find: '(failed.retryAfterMs ?? 0) + jitterMs',
    replace: 'jitterMs',
    tests: engine('retry-policy'),
  },
  {
    name: 'Retry-After is cut short',
    file: `${SRC}/contract/retry-policy.ts`,
    find: '(failed.retryAfterMs ?? 0)',
    replace: 'Math.min(failed.retryAfterMs ?? 0, 30_000)',
    tests: engine('retry-policy'),
  },
  {
    name: 'the retry scale shrinks Retry-After',
    file: `${SRC}/contract/retry-policy.ts`,
    find: '(failed.retryAfterMs ?? 0)',
    replace: '(failed.retryAfterMs ?? 0) * scale',
    tests: engine('retry-policy'),
  },
  {
    name: 'a throttle uses up an attempt',
    file: `${SRC}/drive/step-progress.ts`,
    find: `(wait === 'throttle' ? 0 : 1)`,
    replace: '1',
    tests: engine('step-progress'),
  },
  {
    name: 'a job that comes early is an attempt before its time',
    file: `${SRC}/drive/step-runner.ts`,
    find: 'if (!notBefore || notBefore.at <= this.#deps.writer.now())',
    replace: 'if (!notBefore || notBefore.at <= this.#deps.writer.now() + 86_400_000)',
    tests: engine('sweeper', 'a job promoted before its time'),
  },

  // waiting
  {
    name: 'one wait after the other takes the same signal',
    file: `${SRC}/drive/waits.ts`,
    find: `  #take(field: string, startedAt: number, signal: KeptSignal, { schema }: WaitOptions<unknown>): StepEnd {
    this.#taken.add(signal.id);`,
    replace: `  #take(field: string, startedAt: number, signal: KeptSignal, { schema }: WaitOptions<unknown>): StepEnd {`,
    tests: engine('waiting', 'takes signals in the order'),
  },
  {
    name: 'a signal that was taken is taken again after a replay',
    file: `${SRC}/drive/waits.ts`,
    find: `if ('signal' in record && record.signal !== undefined) this.#taken.add(record.signal);`,
    replace: `if ('signal' in record && record.signal === '') this.#taken.add(record.signal);`,
    tests: engine('signals'),
  },
  {
    name: 'a time-out beats a signal that came in time',
    file: `${SRC}/drive/waits.ts`,
    find: 'if (signal) return this.#take(',
    replace: 'if (signal && (until === undefined || this.#writer.now() < until)) return this.#take(',
    tests: engine('signals'),
  },
  {
    name: 'a signal that comes while the run is being parked is not noticed',
    file: `${LUA}/suspend-run.lua`,
    find: `if ARGV[5] ~= '' and run.signals > tonumber(ARGV[6]) then`,
    replace: 'if false then',
    tests: engine('signals'),
  },
  {
    name: 'a replay gives the outcomes in the order of their names',
    file: `${SRC}/drive/execution.ts`,
    find: '.sort(([, a], [, b]) => a.seq - b.seq)',
    replace: '.sort(([a], [b]) => (a < b ? -1 : 1))',
    tests: engine('interrupted'),
  },

  // never lost, never for ever
  {
    name: 'the alarm is taken away at the claim',
    file: `${SRC}/journal/redis-journal.ts`,
    find: `        case 'claimed':
          return claimed(`,
    replace: `        case 'claimed':
          await connection.zrem(keys.alarms, runId);
          return claimed(`,
    tests: engine('journal'),
  },
  {
    name: 'the TTL counts from the creation',
    file: `${LUA}/lib/ending.lua`,
    find: `redis.call('PEXPIRE', keys.run, retention)`,
    replace: `redis.call('PEXPIREAT', keys.run, redis.call('HGET', keys.run, 'createdAt') + retention)`,
    tests: engine('journal'),
  },
  {
    name: 'an unfinished run may expire',
    file: `${LUA}/create-run.lua`,
    find: `redis.call('ZADD', KEYS[2], due + ARGV[8], ARGV[1])`,
    replace: `redis.call('ZADD', KEYS[2], due + ARGV[8], ARGV[1])
redis.call('PEXPIRE', KEYS[1], 604800000)`,
    tests: engine('journal'),
  },
  {
    name: 'a finished run is kept for ever',
    file: `${LUA}/lib/ending.lua`,
    find: `redis.call('PEXPIRE', keys.run, retention)`,
    replace: '',
    tests: engine('journal'),
  },
  {
    name: 'a worker takes runs before its life is proved',
    file: `${SRC}/worker.ts`,
    find: 'await this.#liveness.proved;',
    replace: '',
    tests: engine('life'),
  },
  {
    name: 'the sweeper leaves the runs of dead workers alone',
    file: `${SRC}/queue/sweeper.ts`,
    find: 'if (dead.size === 0 || !maySuspectOthers()) return isQuiet;',
    replace: 'if (dead.size >= 0 || !maySuspectOthers()) return isQuiet;',
    tests: engine('crash', 'killed at pay, before'),
  },
  {
    name: 'a job that is gone is not noticed',
    file: `${SRC}/queue/sweeper.ts`,
    find: 'await this.#reissue(run, dueInMs);',
    replace: '',
    tests: engine('sweeper', 'brings back a run whose job was lost'),
  },
  {
    name: 'a run that ends its workers is never given up',
    file: `${SRC}/drive/executor.ts`,
    find: 'run.claims > this.#deps.poisonAfter',
    replace: 'run.claims > this.#deps.poisonAfter + 1_000',
    tests: engine('effects'),
  },
  {
    name: 'a Redis that went back in time is trusted',
    file: `${LUA}/prove-life.lua`,
    find: "if count > last and ARGV[4] ~= '1' then",
    replace: 'if count then',
    tests: engine('rollback'),
  },

  // dead letters
  {
    name: 'a letter does not say which death it is about',
    file: `${SRC}/journal/identity.ts`,
    find: `return \`\${runId}.d\${death}\`;`,
    replace: `return \`\${runId}.d\${death > 0 ? '' : death}\`;`,
    tests: engine('dead-letters'),
  },
  {
    name: 'an old letter redrives a newer death',
    file: `${LUA}/redrive-run.lua`,
    find: `if f[1] ~= 'dead' or f[2] ~= ARGV[2] then`,
    replace: `if f[1] ~= 'dead' then`,
    tests: engine('journal'),
  },
  {
    name: 'a letter that was lost is not written again',
    file: `${SRC}/queue/sweeper.ts`,
    find: `if (run.status === 'dead') return this.#seeToLetter(run);`,
    replace: `if (run.status === 'dead' && run.deaths > 99) return this.#seeToLetter(run);
    if (run.status === 'dead') return journal.moveAlarm(runId, 60_000);`,
    tests: engine('dead-letters', 'writes a letter again'),
  },
  {
    name: 'more is drawn from a run than there is',
    file: `${LUA}/create-run.lua`,
    find: 'if drawn + ARGV[12] > tonumber(ARGV[13]) then',
    replace: 'if tonumber(ARGV[12]) > tonumber(ARGV[13]) then',
    tests: engine('draw'),
  },
  // doubts
  {
    name: 'a lost owner leaves no mark',
    file: `${LUA}/claim-run.lua`,
    find: `if lost ~= '' then redis.call('HSET', KEYS[1], 'lost', lost) end`,
    replace: `lost = f[9] or ''`,
    tests: engine('journal'),
  },
  {
    name: 'what a lost owner may have started is not written down',
    file: `${SRC}/drive/executor.ts`,
    find: 'if (lostSince !== undefined) {',
    replace: 'if (lostSince !== undefined && lostSince < 0) {',
    tests: engine('doubt', 'a worker that dies'),
  },
  {
    name: 'a doubt is dated from when it is found',
    file: `${SRC}/drive/step-runner.ts`,
    find: '{ seq: writer.nextSeq(), startedAt: since }',
    replace: '{ seq: writer.nextSeq(), startedAt: Math.max(since, overAt) }',
    tests: engine('doubt', 'dated'),
  },
  {
    name: 'a step that has a record cannot have been started again',
    file: `${SRC}/drive/step-runner.ts`,
    find: `if (record?.kind === 'retrying' && this.#waits(record) && record.retryAt > overAt) return;`,
    replace: `if (record?.kind === 'retrying') return;`,
    tests: engine('doubt', 'in the second call'),
  },
  {
    name: 'a worker that stops forgets what it cut off',
    file: `${SRC}/drive/step-runner.ts`,
    find: `if (outcome.because === 'worker_stops') {
        writer.hold`,
    replace: `if (outcome.because === 'worker_stops' && start.attempts > 99) {
        writer.hold`,
    tests: engine('doubt', 'a worker that stops'),
  },
  {
    name: 'a refusal erases the doubt about an earlier attempt',
    file: `${SRC}/drive/step-progress.ts`,
    find: 'return !standing.inDoubt || refusal.settlesDoubt;',
    replace: 'return !standing.inDoubt || refusal.settlesDoubt || true;',
    tests: engine('doubt', 'a refusal after a lost reply'),
  },
  {
    name: 'a refusal about us undoes the run',
    file: `${SRC}/drive/attempt.ts`,
    find: `return { kind: 'misconfigured', error: failure };`,
    replace: `return { kind: 'rejected', error: Object.assign(failure, { settlesDoubt: true }) as never };`,
    tests: engine('doubt', 'a refusal about us'),
  },
  {
    name: 'a look-up that finds nothing is trusted at once',
    file: `${SRC}/drive/step-runner.ts`,
    find: 'const settled = made.startedAt >= settledAt;',
    replace: 'const settled = made.startedAt >= settledAt || settledAt > 0;',
    tests: engine('doubt', 'a look-up that finds nothing'),
  },
  {
    name: 'an undo is repeated whatever its key’s age',
    file: `${SRC}/drive/step-runner.ts`,
    find: `      keyLifetimeMs: keyLifetimeOf(options),
      afterKeyLifetime: 'halt',`,
    replace: `      keyLifetimeMs: keyLifetimeOf(options) * 1_000_000,
      afterKeyLifetime: 'halt',`,
    tests: engine('doubt', 'past the lifetime of an undo'),
  },
  {
    name: 'a cancel repeats what could not be undone',
    file: `${SRC}/drive/step-runner.ts`,
    find: `if (typeof rule !== 'function') return options.undo && this.#attempt(effect, start);`,
    replace: `if (typeof rule !== 'function') return this.#attempt(effect, start);`,
    tests: engine('doubt', 'leaves an effect in doubt as it is'),
  },
  {
    name: 'a compensation that is taken over doubts steps that were never started',
    file: `${SRC}/drive/executor.ts`,
    find: 'if (!compensation || !doubtsRecorded) doubtFrontier(',
    replace: 'if (!compensation || doubtsRecorded) doubtFrontier(',
    tests: engine('doubt', 'in an undo leaves only that undo in doubt'),
  },
  {
    name: 'a cancelled run starts the child that it may not have started',
    file: `${SRC}/queue/child-runs.ts`,
    find: 'await create(parent, name, flow, input, true)',
    replace: 'await create(parent, name, flow, input)',
    tests: engine('doubt', 'creates it cancelled'),
  },
  {
    name: 'what Redis has forgotten is not doubted',
    file: `${SRC}/drive/step-runner.ts`,
    find: 'if (forgot) this.doubtForgotten(effect.field, forgot);',
    replace: 'if (forgot && forgot.since < 0) this.doubtForgotten(effect.field, forgot);',
    tests: engine('doubt', 'after a rollback'),
  },
  {
    name: 'what Redis has forgotten is doubted for ever',
    file: `${SRC}/drive/execution.ts`,
    find: 'return this.#passedPresent ? undefined : this.#run.forgot;',
    replace: 'return this.#run.forgot;',
    tests: engine('doubt', 'has slept past it'),
  },

  // every dead run can be ended
  {
    name: 'a person cannot answer for an undo',
    file: `${SRC}/journal/resolution.ts`,
    find: `return open ? { field: undoField, record: undo } : undefined;`,
    replace: `return open && undo?.kind === 'waiting' ? { field: undoField, record: undo } : undefined;`,
    tests: engine('answers', 'an undo that people did by hand'),
  },
  {
    name: 'an answer brings back a run that only dies again',
    file: `${SRC}/journal/resolution.ts`,
    find: 'goesOn: run.knowsFlow && !diesAgain(run.death),',
    replace: 'goesOn: run.knowsFlow && (!diesAgain(run.death) || true),',
    tests: engine('answers', 'does not fit any more'),
  },
  {
    name: 'a run is ended without its flow before all that it did is answered for',
    file: `${SRC}/journal/resolution.ts`,
    find: 'return stands || isInDoubt(record) ? [name] : [];',
    replace: 'return (stands && isInDoubt(record)) || isInDoubt(record) ? [name] : [];',
    tests: engine('answers', 'does not fit any more'),
  },
  {
    name: 'an answer that is sent again is another answer',
    file: `${SRC}/client.ts`,
    find: `if (run.acted === answerToken(run, resolution)) return { outcome: 'resolved' };`,
    replace: `if (run.acted === answerToken(run, resolution) && run.deaths > 99) return { outcome: 'resolved' };`,
    tests: engine('answers', 'answered twice'),
  },
  {
    name: 'a redrive that is sent again answers as if it had done nothing',
    file: `${LUA}/redrive-run.lua`,
    find: `if f[8] == ARGV[3] then return { 'redriven', f[6] } end`,
    replace: '',
    tests: engine('journal', 'each death is redriven once'),
  },
  {
    name: 'an answer is checked by another version of the flow',
    file: `${SRC}/client.ts`,
    find: 'const flow = registry.get(run.flow, run.version);',
    replace: 'const flow = registry.latest(run.flow);',
    tests: engine('answers', 'checked by the version'),
  },
  {
    name: 'a late signal feeds the next generation',
    file: `${LUA}/deliver-signal.lua`,
    find: `if ARGV[4] ~= '' and ARGV[4] ~= f[7] then`,
    replace: 'if false then',
    tests: engine('answers', 'for a generation that has ended'),
  },
  {
    name: 'signals that were taken keep their payloads',
    file: `${LUA}/lib/owned.lua`,
    find: `      if string.find(ARGV[i], '^[wc]:') then take_signal(key, ARGV[i + 1], set) end
`,
    replace: '',
    tests: engine('answers', 'count until a wait has taken them'),
  },
  {
    name: 'a flood of signals keeps a child from telling its end',
    file: `${SRC}/journal/redis-journal.ts`,
    find: `const limits = unlimited ? ['', ''] : [LIMITS.signals, LIMITS.signalBytes];`,
    replace: `const limits = unlimited === undefined || unlimited ? [LIMITS.signals, LIMITS.signalBytes] : [];`,
    tests: engine('answers', 'of a flood'),
  },
  // one run never harms another
  {
    name: 'a rejection that nobody awaits yet is unhandled',
    file: `${SRC}/drive/execution.ts`,
    find: '  promise.catch(() => {});\n',
    replace: '',
    tests: engine('neighbours', 'comes before it is awaited'),
  },
  {
    name: 'a stray branch goes on after the drive’s end',
    file: `${SRC}/drive/execution.ts`,
    find: '    this.#sealed = true;\n',
    replace: '',
    tests: engine('neighbours', 'starts nothing once its drive is over'),
  },
  {
    name: 'a time-out of a month ends at once',
    file: `${SRC}/drive/attempt.ts`,
    find: 'const stopTimer = startTimer(timeoutMs, () => {',
    replace: 'const stopTimer = startTimer(timeoutMs > 2 ** 31 ? 1 : timeoutMs, () => {',
    tests: engine('values', 'do not end at once'),
  },
  {
    name: 'a hole in an array is written as null',
    file: `${SRC}/journal/codec.ts`,
    find: `if (!(index in value)) throw new NotJsonError(what, place, 'a hole in an array');`,
    replace: `if (!(index in value)) continue;`,
    tests: engine('values', 'JSON'),
  },
  {
    name: 'a run is taken from a worker that lives',
    file: `${LUA}/claim-run.lua`,
    find: 'if lives_for > 0 and',
    replace: 'if false and',
    tests: engine('crash', 'blocked beyond its lock'),
  },
  {
    name: 'a hung worker keeps its runs',
    file: `${SRC}/queue/liveness-thread.ts`,
    find: 'if (isHung()) return;',
    replace: 'void isHung;',
    tests: engine('crash', 'has hung'),
  },
  {
    name: 'a dropped run waits for its worker’s death',
    file: `${SRC}/queue/sweeper.ts`,
    find: 'for (const runId of this.#dropped) {',
    replace: 'for (const runId of [...this.#dropped].slice(0, 0)) {',
    tests: engine('sweeper', 'had to drop'),
  },
  {
    name: 'a claim that Redis went back behind still counts',
    file: `${LUA}/claim-run.lua`,
    find: `claimed_at > (tonumber(redis.call('GET', KEYS[2])) or 0)`,
    replace: 'claimed_at',
    tests: engine('sweeper', 'nobody’s any more'),
  },
  {
    name: 'a run that nobody would take is redriven',
    file: `${SRC}/client.ts`,
    find: `if (run.status === 'dead' && !registry.get(run.flow, run.version)) return 'flow_unknown';`,
    replace: '',
    tests: engine('answers', 'does not know its flow'),
  },
  {
    name: 'what was asked since a rollback is asked for ever',
    file: `${SRC}/drive/step-runner.ts`,
    find: `if (record?.kind === 'retrying' && record.retryAt >= noticedAt) return;`,
    replace: '',
    tests: engine('doubt', 'is nowhere is done'),
  },
  {
    name: 'a promotion is not noticed',
    file: `${SRC}/queue/liveness-thread.ts`,
    find: 'if (history !== undefined && now !== history && before === history) promoted = true;',
    replace: 'if (history !== undefined && now !== history && before === now) promoted = true;',
    tests: engine('rollback', 'become the master'),
  },
];

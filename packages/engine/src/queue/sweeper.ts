import type { Log } from '../contract/log.ts';
import { UnreadablePayloadError } from '../contract/payload-codec.ts';
import { isTerminal } from '../contract/run.ts';
import { effectsStand } from '../drive/compensation.ts';
import { hasLetGo, runIdOfJob, workerOf } from '../journal/identity.ts';
import type { Glance, Journal, Whereabouts } from '../journal/journal.ts';
import { decoded } from '../journal/resolution.ts';
import { CorruptRecordError } from '../journal/run-codec.ts';
import { tellParent } from './child-runs.ts';
import type { DeadRun } from './dead-letters.ts';
import type { Jobs } from './jobs.ts';
import { BUSY_PACE, IDLE_PACE } from './pace.ts';
import { wakeResumed } from './resumed.ts';

export interface SweeperDeps {
  readonly workerId: string;
  /** True while this worker drives the run that the job carries. */
  readonly drives: (jobId: string) => boolean;
  readonly journal: Journal;
  readonly jobs: Jobs;
  readonly flows: () => readonly string[];
  readonly log: Log;
  readonly random: () => number;
  readonly writeLetter: (dead: DeadRun) => Promise<void>;
  /** Does what a schedule is due for. */
  readonly fireSchedule: (schedule: string, now: number) => Promise<void>;
  /** True when Redis has answered without a break for long enough that a missing proof of life means something. */
  readonly maySuspectOthers: () => boolean;
}

/** How often is swept while anybody has runs, or has died. */
export const SWEEP_MS = 250;
/** How often while all workers are idle and no alarm is due: a worker that takes a run and dies at once is found by then. */
const IDLE_SWEEP_MS = 1_000;
/** How often is asked which schedule is due first, while all is quiet: one that was made just now is due in a minute at the soonest, or almost. */
const SCHEDULES_EVERY_MS = 3_000;
/** How often Redis is asked for its clock, which is reckoned in between. */
const CLOCK_EVERY_MS = 60_000;
/** A clock that is reckoned may be off by this. */
const CLOCK_MAY_BE_OFF_MS = 50;

/** How many overdue runs one sweep looks after. */
const BATCH = 50;
/** How many schedules one sweep fires, side by side. */
const SCHEDULES_BATCH = 100;
/** A run that is where it should be is looked at again after this, or after as long as it has been there. */
const NEXT_LOOK_MS = 30_000;
/** A run that could not be looked after is looked at again after this, doubled each time. */
const SWEEP_AGAIN_MS = 5_000;
const MAX_SET_ASIDE_MS = 10 * 60_000;
const MAX_FAILED = 10_000;
/** After Redis was away: when jobs are looked for that were given out over a lost connection, and how long they may take to be claimed. */
const LOST_FETCH_MS = 1_000;
/** A run that this worker dropped is tried again after this. */
const DROPPED_AGAIN_MS = 2_000;
/** How long after its time a wake may come. */
const LATE_MS = 2_000;
/** How long a worker may take from parking a run to delaying its job. */
const PARKS_MS = 2_000;
/** How often, and how many of a tenant's runs at a time, the lists are cleared of what has expired. */
const PRUNE_EVERY_MS = 60_000;
const PRUNE_BATCH = 500;
/** How often runs are looked for that no pause holds back any more; sooner while there are some. */
const RESUMED_EVERY_MS = 5_000;
const RESUMED_AGAIN_MS = 1_000;
/** From this many claims in a row without progress on, a run waits before it may end another worker. */
const SUSPECT_CLAIMS = 3;
const SUSPECT_DELAY_MS = 2_000;

/**
 * Makes sure that no run is lost between journal and queue: looks after runs whose alarm is overdue, and takes over the runs of
 * workers that died. Every worker has one; they share the work.
 */
export class Sweeper {
  readonly #deps: SweeperDeps;
  #missing = new Set<string>();
  readonly #prunedUpTo = new Map<string, number>();
  #pruneAt = 0;
  #clock = { ahead: 0, askedAt: Number.NEGATIVE_INFINITY };
  /** Tenants whose dead were seen to be in the list of all dead, once in this worker's life. */
  readonly #indexed = new Set<string>();
  #resumedAt = 0;
  #resumedFrom: string | undefined;
  /** How often in a row a run could not be looked after. */
  readonly #failed = new Map<string, number>();
  readonly #dropped = new Set<string>();
  /** Jobs that were given out and that nobody drives, as the last look found; undefined when there is no need to look. */
  #unclaimed: ReadonlySet<string> | undefined;
  #lookForUnclaimedAt = Number.POSITIVE_INFINITY;

  /** Whether the last sweep found nothing to hurry for. */
  #quiet = false;
  #firstSchedule: number | undefined;
  #schedulesAskedAt = Number.NEGATIVE_INFINITY;

  constructor(deps: SweeperDeps) {
    this.#deps = deps;
  }

  /** The worker no longer drives a run that it may still own. The others leave it alone as long as the worker lives. */
  drop(runId: string): void {
    this.#dropped.add(runId);
  }

  /** Redis was away: it may have given out jobs in answers that never came. */
  reconnected(): void {
    // another host may answer now, with another clock
    this.#clock.askedAt = Number.NEGATIVE_INFINITY;
    this.#unclaimed = undefined;
    this.#lookForUnclaimedAt = performance.now() + LOST_FETCH_MS;
  }

  /** @returns after how many ms to sweep again */
  async sweep(): Promise<number> {
    const { journal } = this.#deps;
    await this.#lookForUnclaimed();
    await this.#reissueDropped();
    const asksSchedules = !this.#quiet || performance.now() - this.#schedulesAskedAt >= SCHEDULES_EVERY_MS;
    const glance = await journal.glance(asksSchedules);
    if (asksSchedules)
      [this.#firstSchedule, this.#schedulesAskedAt] = [glance.firstSchedule, performance.now()];
    const reckoned = await this.#now(glance);
    const isQuiet = await this.#takeOverFromTheDead(glance, reckoned);
    const due = (glance.firstAlarm ?? Number.POSITIVE_INFINITY) - reckoned;
    const scheduleDue = (this.#firstSchedule ?? Number.POSITIVE_INFINITY) - reckoned;
    if (due <= CLOCK_MAY_BE_OFF_MS) {
      const { now, runIds } = await journal.takeAlarms(BATCH);
      this.#setClock(now);
      for (const runId of runIds) await this.#apart(runId, () => this.#lookAfter(runId, now));
    }
    if (scheduleDue <= CLOCK_MAY_BE_OFF_MS) {
      const { now, schedules } = await journal.takeSchedules(SCHEDULES_BATCH);
      this.#setClock(now);
      await Promise.all(schedules.map((schedule) => this.#fire(schedule, now)));
      this.#schedulesAskedAt = Number.NEGATIVE_INFINITY;
    }
    await this.#wakeResumed(reckoned);
    await this.#prune(reckoned);
    const mayRest = isQuiet && this.#lookForUnclaimedAt === Number.POSITIVE_INFINITY;
    this.#quiet = mayRest;
    return mayRest ? Math.min(Math.max(Math.min(due, scheduleDue), SWEEP_MS), IDLE_SWEEP_MS) : SWEEP_MS;
  }

  /** Redis' clock, reckoned from when it was last asked for, unless what is seen does not go with that. */
  async #now({ workers }: Glance): Promise<number> {
    const isOld = performance.now() - this.#clock.askedAt > CLOCK_EVERY_MS;
    const reckoned = performance.now() + this.#clock.ahead;
    const fits = workers.every(
      ({ livesUntil }) => livesUntil >= reckoned && livesUntil <= reckoned + IDLE_PACE.holdsMs + SWEEP_MS,
    );
    if (!isOld && fits) return reckoned;
    const now = await this.#deps.journal.now();
    this.#setClock(now);
    return now;
  }

  #setClock(now: number): void {
    this.#clock = { ahead: now - performance.now(), askedAt: performance.now() };
  }

  /** Whoever resumes wakes the first; the rest, and what is left by one who died, is woken here. */
  async #wakeResumed(now: number): Promise<void> {
    const { journal, jobs } = this.#deps;
    if (now < this.#resumedAt) return;
    this.#resumedFrom = await wakeResumed(journal, jobs, this.#resumedFrom);
    this.#resumedAt = now + (this.#resumedFrom === undefined ? RESUMED_EVERY_MS : RESUMED_AGAIN_MS);
  }

  /** A run that cannot be looked after is set aside, for longer each time; it does not keep the others waiting. */
  async #apart(runId: string, look: () => Promise<unknown>): Promise<void> {
    try {
      await look();
      this.#failed.delete(runId);
    } catch (error) {
      if (!isAboutTheRun(error)) throw error;
      const times = (this.#failed.get(runId) ?? 0) + 1;
      if (this.#failed.size < MAX_FAILED || this.#failed.has(runId)) this.#failed.set(runId, times);
      if (times === 1)
        this.#deps.log.error(
          { err: error, run: runId },
          'the sweeper cannot process a run and skips it; was its record changed by something else?',
        );
      await this.#deps.journal.moveAlarm(runId, Math.min(SWEEP_AGAIN_MS * 2 ** times, MAX_SET_ASIDE_MS));
    }
  }

  /** One that cannot be fired comes back when another sweeper may take it. */
  async #fire(schedule: string, now: number): Promise<void> {
    try {
      await this.#deps.fireSchedule(schedule, now);
    } catch (error) {
      if (!isAboutTheRun(error)) throw error;
      this.#deps.log.error({ err: error, schedule }, 'a schedule could not be fired; it is tried again');
    }
  }

  async #reissueDropped(): Promise<void> {
    for (const runId of this.#dropped) {
      await this.#apart(runId, async () => {
        const run = await this.#deps.journal.whereIs(runId);
        if (run && this.#isMine(run) && !this.#deps.drives(run.jobId))
          await this.#reissue(run, DROPPED_AGAIN_MS);
      });
      this.#dropped.delete(runId);
    }
  }

  /** What nobody drives in two looks in a row was lost on its way; its alarm would bring it back later. */
  async #lookForUnclaimed(): Promise<void> {
    if (performance.now() < this.#lookForUnclaimedAt) return;
    const { journal, jobs, drives } = this.#deps;
    const before = this.#unclaimed;
    const found = new Set<string>();
    for (const flow of this.#deps.flows()) {
      for (const jobId of await jobs.activeIds(flow)) {
        const runId = runIdOfJob(jobId);
        await this.#apart(runId, async () => {
          const run = await journal.whereIs(runId);
          const isUnclaimed =
            run && run.jobId === jobId && (run.owner === '' || (this.#isMine(run) && !drives(jobId)));
          if (!isUnclaimed) return;
          found.add(jobId);
          if (before?.has(jobId)) await this.#reissue(run);
        });
      }
    }
    this.#unclaimed = before ? undefined : found;
    this.#lookForUnclaimedAt =
      before || found.size === 0 ? Number.POSITIVE_INFINITY : performance.now() + LOST_FETCH_MS;
  }

  #isMine({ owner }: Whereabouts): boolean {
    return !hasLetGo(owner) && workerOf(owner) === this.#deps.workerId;
  }

  async #prune(now: number): Promise<void> {
    const { journal, random } = this.#deps;
    if (now < this.#pruneAt) return;
    this.#pruneAt = now + PRUNE_EVERY_MS * (0.5 + random());
    for (const tenant of await journal.tenants()) {
      if (!this.#indexed.has(tenant)) await journal.indexDead(tenant);
      this.#indexed.add(tenant);
      const next = await journal.pruneRuns(tenant, this.#prunedUpTo.get(tenant) ?? 0, PRUNE_BATCH);
      this.#prunedUpTo.set(tenant, next ?? 0);
    }
  }

  async #lookAfter(runId: string, now: number): Promise<void> {
    const { journal } = this.#deps;
    const run = await journal.whereIs(runId);
    if (!run) return journal.moveAlarm(runId, 0);
    if (isTerminal(run.status)) return this.#seeToEnd(run);
    if (run.status === 'dead') return this.#seeToLetter(run);
    if (run.answered) return this.#end(run);
    await this.#seeToJob(run, now);
  }

  /** A cancelled run with nothing left to undo ends from its journal: its flow may be gone, or not fit any more. */
  async #end(run: Whereabouts): Promise<void> {
    const { journal, jobs } = this.#deps;
    // a cancel may have been cut short between journal and queue
    await jobs.removeLetter(run.runId, run.deaths);
    await journal.endAnswered(run, effectsStand(decoded(await journal.readRecords(run.runId))));
  }

  /** A run that has ended keeps its alarm until its parent was told, and no letter can come any more of a death that is over. */
  async #seeToEnd({ runId, parent, deaths }: Whereabouts): Promise<void> {
    const { journal, jobs } = this.#deps;
    if (deaths > 0) await jobs.removeLetter(runId, deaths);
    const child = parent && (await journal.readRun(runId));
    if (!parent || !child) return journal.moveAlarm(runId, 0);
    if (child.status === 'completed') {
      return tellParent(journal, jobs, { runId, parent, end: { status: 'completed', output: child.output } });
    }
    if (child.status === 'failed' || child.status === 'cancelled') {
      const error = child.status === 'failed' && { error: child.error };
      await tellParent(journal, jobs, { runId, parent, end: { status: child.status, ...error } });
    }
  }

  async #seeToLetter(run: Whereabouts): Promise<void> {
    if (!run.death) throw new Error(`run ${run.runId} is dead without a reason`);
    await this.#deps.writeLetter({
      runId: run.runId,
      tenant: run.tenant,
      flow: run.flow,
      death: run.deaths,
      failure: run.death,
    });
  }

  async #seeToJob(run: Whereabouts, now: number): Promise<void> {
    const { jobs, journal, maySuspectOthers, drives } = this.#deps;
    if (run.queued) return journal.fillQueue(run.runId, Math.max(NEXT_LOOK_MS, now - run.readySince));
    const dueInMs = run.wakeAt === undefined ? 0 : run.wakeAt - now;
    const state = await jobs.state(run.flow, run.jobId);
    // a second delivery of a run that its owner still has is put off
    const isHeld = state === 'delayed' && workerOf(run.owner) !== undefined && !hasLetGo(run.owner);
    switch (isHeld ? 'active' : state) {
      case 'gone':
        this.#deps.log.warn(
          { run: run.runId, flow: run.flow, job: run.jobId },
          'run had no queue job; re-enqueued',
        );
        // a redrive may have been cut short between journal and queue
        if (run.deaths > 0) await jobs.removeLetter(run.runId, run.deaths);
        // what is left of the job would keep another one of its id from being added, so the run gets a job with a new one
        await jobs.remove(run.flow, run.jobId);
        await this.#reissue(run, dueInMs);
        return;
      case 'delayed':
        if (run.waitsForPlace)
          return journal.lookAfterLane(run.runId, Math.max(NEXT_LOOK_MS, now - run.readySince));
        if (dueInMs <= 0) await jobs.promote(run.flow, run.jobId);
        return journal.moveAlarm(run.runId, Math.max(dueInMs, 0) + LATE_MS);
      case 'waiting':
        return journal.moveAlarm(run.runId, Math.max(NEXT_LOOK_MS, now - run.readySince));
      case 'active':
        // a run that is parked has its job delayed any moment; one that should have gone on by now never will by that job
        if (hasLetGo(run.owner) && dueInMs > -PARKS_MS) return journal.moveAlarm(run.runId, PARKS_MS);
        if (hasLetGo(run.owner)) return void (await this.#reissue(run));
        if (this.#isMine(run) && !drives(run.jobId)) return void (await this.#reissue(run));
        if (maySuspectOthers() && isDead(run.owner, await journal.liveWorkers()))
          return void (await this.#reissue(run));
        return journal.moveAlarm(run.runId, NEXT_LOOK_MS);
    }
  }

  /**
   * A worker without a proof of life in two sweeps in a row is dead; its runs get new jobs at once.
   * @returns true while no worker has runs, and none is missing
   */
  async #takeOverFromTheDead({ workers }: Glance, now: number): Promise<boolean> {
    const { journal, jobs, maySuspectOthers, log } = this.#deps;
    const missing = new Set(workers.flatMap(({ id, livesUntil }) => (livesUntil < now ? [id] : [])));
    const isQuiet = workers.every(({ livesUntil }) => livesUntil > now + BUSY_PACE.holdsMs);
    const dead = new Set([...missing].filter((id) => this.#missing.has(id)));
    this.#missing = missing;
    if (dead.size === 0 || !maySuspectOthers()) return isQuiet;

    const live = await journal.liveWorkers();
    let taken = 0;
    // also those of flows that this worker lacks: it may be the only one that looks
    for (const flow of new Set([...this.#deps.flows(), ...(await journal.flows())])) {
      for (const jobId of await jobs.activeIds(flow)) {
        const runId = runIdOfJob(jobId);
        await this.#apart(runId, async () => {
          const run = await journal.whereIs(runId);
          if (run?.jobId === jobId && isDead(run.owner, live) && (await this.#reissue(run))) taken += 1;
        });
      }
      // one for each that died, and one for us
      await jobs.nudge(flow, dead.size + 1);
    }
    for (const workerId of dead) await journal.signOff(workerId);
    log.warn({ workers: [...dead], runs: taken }, 'a worker died; other workers take over its runs');
    return isQuiet;
  }

  async #reissue(run: Whereabouts, dueInMs = 0): Promise<boolean> {
    const { journal, jobs, random } = this.#deps;
    const reissued = await journal.reissueRun(run);
    if (!reissued) return false;
    // apart from each other, so that one that ends its worker does not take the same others down each time
    const suspectMs = reissued.claims >= SUSPECT_CLAIMS ? random() * SUSPECT_DELAY_MS : 0;
    await jobs.add(run.flow, run.runId, reissued.jobId, Math.max(suspectMs, dueInMs));
    if (dueInMs > 0) await journal.moveAlarm(run.runId, dueInMs + LATE_MS);
    return true;
  }
}

/** Redis is there; it is this run's record that cannot be read or changed. */
function isAboutTheRun(error: unknown): boolean {
  if (error instanceof CorruptRecordError || error instanceof UnreadablePayloadError) return true;
  if (error instanceof SyntaxError || error instanceof TypeError) return true;
  return error instanceof Error && /^(WRONGTYPE|ERR )/.test(error.message);
}

function isDead(owner: string, live: ReadonlySet<string>): boolean {
  const workerId = workerOf(owner);
  return workerId === undefined || !live.has(workerId);
}

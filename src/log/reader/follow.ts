/**
 * Follows one log: takes checkpoints from gossip, peers and web servers, and accepts those that count and begin with what was
 * accepted before. It never goes back. Who contradicts what was accepted leaves evidence behind; `split-view.ts` says when that
 * stops the node. One call at a time; where the files come from and where they are kept is handed in.
 */
import type { Logger } from '../../base/clock.ts'
import { AppError, errorChain, isKind } from '../../base/errors.ts'
import { checkGrowth } from '../files/growth.ts'
import { createSourcePool, type LogSource } from '../files/source.ts'
import { VerifiedFiles } from '../files/verified-files.ts'
import type { AcceptedCheckpoint, TreeHead } from '../log.ts'
import { parseCheckpoint } from '../note/checkpoint.ts'
import { parseNote } from '../note/note.ts'
import { sameHash } from '../tree/hash.ts'
import { type JudgedCheckpoint, judgeCheckpoint, type LogKeys, mergeCheckpoints } from './judge.ts'
import type { MemberKeys } from './member-keys.ts'
import { PendingCheckpoints } from './pending.ts'
import { type CheckedEvidence, checkEvidence, type Evidence, evidenceText, mustStop } from './split-view.ts'

/** The copy of the log that grows by what is accepted; its owner keeps it durable. */
export interface FollowedLog {
  /** The newest accepted checkpoint. */
  newest(): AcceptedCheckpoint | undefined
  /** The root of the first `size` entries, `size` not above `newest()`; undefined if this copy cannot say. */
  rootAt(size: number): Promise<Uint8Array | undefined>
  /** The consistency proof between two sizes up to `newest()`. */
  consistency(fromSize: number, toSize: number): Promise<readonly Uint8Array[]>
  /** Takes everything in up to a checkpoint that counts and is consistent; `files` were checked. @throws unavailable.peer, aborted.caller */
  accept(checkpoint: AcceptedCheckpoint, files: VerifiedFiles, signal: AbortSignal): Promise<void>
  /** Keeps the accepted checkpoint with more or newer cosignatures. */
  update(checkpoint: AcceptedCheckpoint): Promise<void>
}

/** Evidence that was kept, over restarts. */
export interface EvidenceStore {
  /** All of it, as it was added. */
  all(): readonly Evidence[]
  /** Durable when it resolves. */
  add(id: string, evidence: Evidence): Promise<void>
}

/** What became of a checkpoint. */
export type Outcome =
  /** It is the newest now. */
  | 'accepted'
  /** It was the newest already; it may have brought cosignatures. */
  | 'same'
  /** It is an older one, and true. */
  | 'older'
  /** It does not count yet. */
  | 'pending'
  /** It counts, but nobody has its tiles. */
  | 'unavailable'
  /** It contradicts what was accepted; evidence is kept. */
  | 'contradicts'
  /** This node has stopped at a split view. */
  | 'stopped'

/** What is known, for `status`. */
export interface FollowState {
  /** Why nothing newer is accepted: the sentence for a person; undefined: all is well. */
  readonly stopped: string | undefined
  /** One sentence each, in the order in which it was found. */
  readonly evidence: readonly string[]
  /** Checkpoints that do not count yet. */
  readonly pendingCount: number
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>
}

/** Follows. */
export interface Follower {
  /**
   * Takes a checkpoint in. @throws usage.log, untrusted.origin, untrusted.signature if it is none of this log (who gave it is to blame);
   * exhausted.queue if too many wait, aborted.caller
   */
  offer(note: Uint8Array, signal: AbortSignal): Promise<Outcome>
  /** Takes evidence of others in; true if it was new. @throws usage.log, untrusted.proof, untrusted.signature */
  learn(evidence: Evidence): Promise<boolean>
  /** Tries again what could not be had. */
  retry(signal: AbortSignal): Promise<void>
  state(): FollowState
}

/** What a follower is given. */
export interface FollowDependencies {
  readonly log: FollowedLog
  readonly keys: LogKeys
  /** The keys of a newer checkpoint's time, by changes of members that others show; `MemberKeys.ahead`. */
  readonly ahead?: MemberKeys['ahead']
  /** The signed note of a checkpoint that is trusted from the start, of `network.json`. */
  readonly pinned?: string | undefined
  /** Who may have files of the log now, the best first. */
  readonly sources: () => readonly LogSource[]
  readonly evidence: EvidenceStore
  /** Told of evidence that is new, so that it is passed on. */
  readonly onEvidence?: (evidence: Evidence) => void
  readonly logger: Logger
}

const WAITING_MAX = 64
const LOOKS_PER_SIGNER = 2
/** Evidence that is kept, in all and against one organisation: more of it says nothing more. */
const EVIDENCE_MAX = 64
const EVIDENCE_PER_ORGANISATION = 4

/** A checkpoint that is built on. */
interface Base extends TreeHead {
  readonly note: string
}

/** A follower; what was kept as evidence counts again at once. */
export function createFollower(dependencies: FollowDependencies): Follower {
  return new LogFollower(dependencies)
}

class LogFollower implements Follower {
  readonly #with: FollowDependencies
  readonly #pending: PendingCheckpoints
  readonly #pinned: Base | undefined
  readonly #evidence = new Map<string, CheckedEvidence>()
  readonly #outcomes: Partial<Record<Outcome, number>> = {}
  /** How often others were asked for changes of members because of each signer. */
  readonly #looks = new Map<string, number>()
  #stopped: string | undefined
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  constructor(dependencies: FollowDependencies) {
    this.#with = dependencies
    this.#pending = new PendingCheckpoints(dependencies.keys)
    this.#pinned = dependencies.pinned === undefined ? undefined : baseOf(dependencies.pinned)
    for (const evidence of dependencies.evidence.all()) {
      try {
        this.#weigh(checkEvidence(evidence, dependencies.keys))
      } catch (error) {
        dependencies.logger.warn({ cause: errorChain(error) }, 'kept evidence of a split view does not hold any more')
      }
    }
  }

  async offer(note: Uint8Array, signal: AbortSignal): Promise<Outcome> {
    const { keys } = this.#with
    const first = judgeCheckpoint(note, keys)
    const policy = keys.policyAt(first.size)
    return await this.#inTurn(async () => {
      // Those before it may have brought a change of members.
      const judged = keys.policyAt(first.size) === policy ? first : judgeCheckpoint(note, keys)
      const outcome = (await this.#byNewMembers(note, judged, signal)) ?? (await this.#take(judged, signal))
      this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1
      return outcome
    })
  }

  async learn(evidence: Evidence): Promise<boolean> {
    const checked = checkEvidence(evidence, this.#with.keys)
    return await this.#inTurn(() => this.#keep(checked))
  }

  async retry(signal: AbortSignal): Promise<void> {
    this.#looks.clear()
    for (const judged of this.#pending.countingNow()) await this.#inTurn(() => this.#take(judged, signal))
  }

  state(): FollowState {
    return {
      stopped: this.#stopped,
      evidence: [...this.#evidence.values()].map(evidenceText),
      pendingCount: this.#pending.list().length,
      outcomes: { ...this.#outcomes },
    }
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= WAITING_MAX) throw new AppError('exhausted.queue', 'too many checkpoints wait to be looked at')
    this.#waiting += 1
    const turn = this.#last.then(work, work)
    this.#last = turn.catch(() => {})
    try {
      return await turn
    } finally {
      this.#waiting -= 1
    }
  }

  async #take(judged: JudgedCheckpoint, signal: AbortSignal): Promise<Outcome> {
    const newest = this.#with.log.newest()
    const from: Base | undefined = newest ?? this.#pinned
    if (from !== undefined && (judged.size < from.size || (judged.size === from.size && newest !== undefined))) {
      return await this.#compare(judged, newest, from)
    }
    // What only witnesses signed is nothing that could ever count: it would be kept in vain.
    const whole = judged.signers.length === 0 ? judged : this.#pending.add(judged)
    if (this.#stopped !== undefined) return 'stopped'
    return whole.counts ? await this.#grow(whole, from, signal) : 'pending'
  }

  /**
   * Takes a newer checkpoint in by the members of its time, whom this node may have yet to hear of: by those alone, whatever it counts
   * by those that are known. Undefined: nobody shows a change that is not known, and it is to be taken like any other.
   */
  async #byNewMembers(note: Uint8Array, judged: JudgedCheckpoint, signal: AbortSignal): Promise<Outcome | undefined> {
    const { ahead, log, sources } = this.#with
    const from: Base | undefined = log.newest() ?? this.#pinned
    if (ahead === undefined || judged.size <= (from?.size ?? 0) || judged.signers.length === 0) return undefined
    if (this.#stopped !== undefined || !(judged.counts || this.#mayLook(judged))) return undefined
    const keys = await ahead(judged, sources(), signal)
    if (keys === undefined) return undefined
    let again: JudgedCheckpoint
    try {
      again = judgeCheckpoint(note, keys)
    } catch (error) {
      if (isKind(error, 'untrusted')) return 'pending'
      throw error
    }
    return again.counts ? await this.#grow(again, from, signal) : 'pending'
  }

  /** Without a quorum each known signer has others asked a few times between two rounds; who makes up many uses up its own alone. */
  #mayLook({ signers }: JudgedCheckpoint): boolean {
    const left = signers.filter((signer) => (this.#looks.get(signer) ?? 0) < LOOKS_PER_SIGNER)
    for (const signer of left) this.#looks.set(signer, (this.#looks.get(signer) ?? 0) + 1)
    return left.length > 0
  }

  /** A checkpoint that is not larger than the accepted one must be a beginning of it. */
  async #compare(judged: JudgedCheckpoint, newest: AcceptedCheckpoint | undefined, from: Base): Promise<Outcome> {
    const { log, keys } = this.#with
    const sameSize = judged.size === from.size
    if (newest !== undefined && sameSize && sameHash(judged.root, from.root)) {
      const before = judgeCheckpoint(Buffer.from(newest.note), keys)
      if (before.text !== judged.text) return 'same'
      const merged = mergeCheckpoints(before, judged, keys)
      if (merged.note !== before.note) await log.update(merged)
      return 'same'
    }
    const own = sameSize ? from.root : newest && (await log.rootAt(judged.size))
    if (judged.size === 0 || own === undefined || sameHash(own, judged.root)) return 'older'
    const proof = sameSize ? [] : await log.consistency(judged.size, from.size)
    await this.#keepContradiction({ smaller: judged.note, larger: from.note, rootThen: own, proof })
    return 'contradicts'
  }

  /** A checkpoint that counts and is newer: is it the same log, and can it be had? */
  async #grow(judged: JudgedCheckpoint, from: Base | undefined, signal: AbortSignal): Promise<Outcome> {
    const { log, logger } = this.#with
    const files = new VerifiedFiles(judged, createSourcePool(this.#with.sources()))
    try {
      const growth = await checkGrowth(from, files, signal)
      if (growth.kind === 'contradicts' && from !== undefined) {
        const { rootThen, proof } = growth
        await this.#keepContradiction({ smaller: from.note, larger: judged.note, rootThen, proof })
        // The tiles are in hand and a quorum stands for them: whatever the evidence is worth to others, this node goes no further.
        this.#stopped ??= `a quorum signed a checkpoint of size ${judged.size} that does not begin with the accepted one of ${from.size}`
        return 'stopped'
      }
      await log.accept(judged, files, signal)
    } catch (error) {
      if (!isKind(error, 'unavailable') && !isKind(error, 'exhausted')) throw error
      logger.info({ size: judged.size, cause: errorChain(error) }, 'a checkpoint could not be taken in yet')
      return 'unavailable'
    }
    this.#pending.forgetUpTo(judged.size)
    return 'accepted'
  }

  async #keepContradiction(evidence: Evidence): Promise<void> {
    const { keys, logger } = this.#with
    let checked: CheckedEvidence
    try {
      checked = checkEvidence(evidence, keys)
    } catch (error) {
      // Signed by witnesses alone, or by keys that are members' no longer: nothing that others would believe.
      logger.warn({ cause: errorChain(error) }, 'a checkpoint contradicts the accepted one and is no evidence')
      return
    }
    await this.#keep(checked)
  }

  async #keep(checked: CheckedEvidence): Promise<boolean> {
    if (this.#evidence.has(checked.id) || !this.#hasRoom(checked)) return false
    await this.#with.evidence.add(checked.id, checked.evidence)
    this.#with.logger.error({ against: checked.against }, evidenceText(checked))
    this.#weigh(checked)
    this.#with.onEvidence?.(checked.evidence)
    return true
  }

  #weigh(checked: CheckedEvidence): void {
    this.#evidence.set(checked.id, checked)
    if (!this.#stops(checked)) return
    this.#stopped ??= `the log has two histories, both with a quorum: ${evidenceText(checked)}`
  }

  #stops(checked: CheckedEvidence): boolean {
    const accepted = this.#with.log.newest() ?? this.#pinned
    return mustStop(checked, ({ size, root }) => accepted?.size === size && sameHash(accepted.root, root))
  }

  /** What would stop this node always has room. */
  #hasRoom(checked: CheckedEvidence): boolean {
    if (this.#stops(checked)) return true
    const same = [...this.#evidence.values()].filter(({ against }) =>
      checked.against.every((organisation) => against.includes(organisation)),
    )
    return this.#evidence.size < EVIDENCE_MAX && same.length < EVIDENCE_PER_ORGANISATION
  }
}

function baseOf(note: string): Base {
  const { size, root } = parseCheckpoint(parseNote(Buffer.from(note)).text)
  return { size, root, note }
}

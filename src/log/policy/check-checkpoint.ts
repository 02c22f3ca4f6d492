/**
 * Judges a checkpoint (C2SP tlog-policy, "What is a policy?"): signed by a log that is listed for its origin, and cosigned by a set
 * that the quorum accepts. Everything that believes a checkpoint goes through here. Pure; how old it is, is asked elsewhere.
 */
import { AppError } from '../../base/errors.ts'
import type { Vkey } from '../../base/network/vkey.ts'
import { type Checkpoint, parseCheckpoint } from '../note/checkpoint.ts'
import { type GoodSignature, type Note, openNote, parseNote } from '../note/note.ts'
import { keysOf, type Quorum, satisfies } from './quorum.ts'

/** Who must have signed. */
export interface CheckpointPolicy {
  /** Keys of type `ed25519`; the name of each is the origin of its log. One signature suffices. */
  readonly logs: readonly Vkey[]
  /** Keys of type `cosignature` that are known, those of the quorum among them. */
  readonly cosigners: readonly Vkey[]
  /** Names keys by the very objects of `cosigners`. */
  readonly quorum: Quorum
}

/** A cosignature that verified. */
export interface GoodCosignature {
  readonly key: Vkey
  /** Seconds since 1970. */
  readonly timestampSeconds: number
}

/** A checkpoint that the policy accepts. */
export interface TrustedCheckpoint extends Checkpoint {
  /** By known cosigners, each once; signatures of others are left out. */
  readonly cosignatures: readonly GoodCosignature[]
}

/** What the signatures of a checkpoint come to, whether or not that suffices. */
export interface WeighedCheckpoint<P extends CheckpointPolicy = CheckpointPolicy> {
  readonly note: Note
  readonly checkpoint: Checkpoint
  /** The policy that applies to it. */
  readonly policy: P
  /** Signatures by keys of the policy, and of `more`, that verified. */
  readonly good: readonly GoodSignature[]
  /** By known cosigners and keys of `more`, each once. */
  readonly cosignatures: readonly GoodCosignature[]
  /** True if a key of the log signed. */
  readonly logSigned: boolean
  /** True if the quorum accepts those who cosigned. */
  readonly enough: boolean
}

/**
 * Looks at the signatures of the checkpoint in `bytes`. `policyOf` is asked for the policy with what the text says, before anything is
 * verified: which keys count can depend on the tree's size. Cosignatures by keys of `more` are found and count for nothing.
 * @throws usage.log malformed; untrusted.origin no log of this origin is known; untrusted.signature no known key signed, or a known
 * key's signature is wrong
 */
export function weighCheckpoint<P extends CheckpointPolicy>(
  bytes: Uint8Array,
  policyOf: (claimed: Checkpoint) => P,
  more: readonly Vkey[] = [],
): WeighedCheckpoint<P> {
  const note = parseNote(bytes)
  const checkpoint = parseCheckpoint(note.text)
  const policy = policyOf(checkpoint)
  const logs = policy.logs.filter(({ name }) => name === checkpoint.origin)
  if (logs.length === 0) {
    const message = `checking a checkpoint: wanted one of ${originsOf(policy)}, found ${JSON.stringify(checkpoint.origin)}`
    throw new AppError('untrusted.origin', message, { data: { found: checkpoint.origin } })
  }
  const good = openNote(note, [...logs, ...policy.cosigners, ...more])
  const cosignatures = good.flatMap(({ key, timestampSeconds }) =>
    timestampSeconds === undefined ? [] : [{ key, timestampSeconds }],
  )
  const logSigned = good.some(({ key }) => logs.includes(key))
  const enough = satisfies(policy.quorum, new Set(cosignatures.map(({ key }) => key)))
  return { note, checkpoint, policy, good, cosignatures, logSigned, enough }
}

/**
 * The checkpoint in `bytes` if the policy accepts it. @throws as `weighCheckpoint`; untrusted.signature the log did not sign;
 * untrusted.quorum too few cosigned
 */
export function checkCheckpoint(
  bytes: Uint8Array,
  policyOf: CheckpointPolicy | ((claimed: Checkpoint) => CheckpointPolicy),
): TrustedCheckpoint {
  const asked = typeof policyOf === 'function' ? policyOf : () => policyOf
  const { checkpoint, policy, cosignatures, logSigned, enough } = weighCheckpoint(bytes, asked)
  if (!logSigned) {
    throw new AppError(
      'untrusted.signature',
      `checking a checkpoint: wanted a signature of the log ${checkpoint.origin}`,
    )
  }
  if (!enough) {
    const names = cosignatures.map(({ key }) => key.name)
    const found = names.length === 0 ? 'none' : names.join(', ')
    const message = `checking a checkpoint: wanted cosignatures by a quorum of ${keysOf(policy.quorum).length} keys, found ${found}`
    throw new AppError('untrusted.quorum', message, { data: { found: names.length, of: keysOf(policy.quorum).length } })
  }
  return { ...checkpoint, cosignatures }
}

/** The median of the times of cosignatures, in seconds since 1970: of an even number the earlier one. Undefined for none. */
export function medianSeconds(cosignatures: readonly GoodCosignature[]): number | undefined {
  const times = cosignatures.map(({ timestampSeconds }) => timestampSeconds).sort((a, b) => a - b)
  return times[Math.floor((times.length - 1) / 2)]
}

function originsOf({ logs }: CheckpointPolicy): string {
  return logs.length === 0 ? 'no log' : [...new Set(logs.map(({ name }) => name))].join(', ')
}

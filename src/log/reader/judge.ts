/**
 * What a checkpoint is worth to a reader: whose signatures hold, and whether enough organisations cosigned it (`2-trust.md`, "Parties
 * and keys"). It is weighed by the very policy of `policy/`, so that readers and `verify` cannot disagree; here one that does not count
 * as yet is no error, because others may cosign it later. Pure.
 */
import { AppError } from '../../base/errors.ts'
import type { Vkey } from '../../base/network/vkey.ts'
import type { AcceptedCheckpoint, Cosignature } from '../log.ts'
import { formatNote, type GoodSignature, type Note, parseNote } from '../note/note.ts'
import { weighCheckpoint } from '../policy/check-checkpoint.ts'
import { type PolicyVersion, timeOf } from '../policy/network-chain.ts'

/** A log that is followed: its origin, and whose word counts, which changes with its size. */
export interface LogKeys {
  readonly origin: string
  /** What applies to trees of this size. */
  policyAt(size: number): PolicyVersion
  /** Keys of further witnesses: their cosignatures are kept and shown, and count for nothing. */
  readonly witnesses: readonly Vkey[]
}

/** A checkpoint whose signatures were looked at. */
export interface JudgedCheckpoint extends AcceptedCheckpoint {
  /** The note's text, which the signatures are over. */
  readonly text: string
  /** Organisations with a valid signature of the log or an authority's cosignature, in order of name. */
  readonly signers: readonly string[]
  /** True if it carries a signature of the log and cosignatures of a quorum of authorities. */
  readonly counts: boolean
  /** The median of the authorities' times, in seconds since 1970; undefined if none cosigned. Never one signer's word. */
  readonly timeSeconds: number | undefined
}

/**
 * Reads and weighs a note. Only signatures that hold are in the result's note, so that nobody spoils it for those whom it is
 * passed on to. @throws usage.log if it is no checkpoint, untrusted.origin if it is one of another log, untrusted.signature if no known
 * key signed it, or a signature of a known key does not verify
 */
export function judgeCheckpoint(bytes: Uint8Array, keys: LogKeys): JudgedCheckpoint {
  const weighed = weighCheckpoint(bytes, ({ size }) => keys.policyAt(size), keys.witnesses)
  const { note, checkpoint, policy, good, cosignatures } = weighed
  const { origin, size, root } = checkpoint
  return {
    origin,
    size,
    root,
    text: note.text,
    note: Buffer.from(formatNote(onlyGood(note, good))).toString('utf8'),
    cosignatures: good.flatMap(cosignatureOf),
    signers: signersOf(good, policy),
    counts: weighed.logSigned && weighed.enough,
    timeSeconds: timeOf({ cosignatures }, policy),
  }
}

/**
 * Both checkpoints' signatures on the text of the first. Both must be judged and have one text; of two cosignatures of one key
 * the newer stays. @throws as `judgeCheckpoint`
 */
export function mergeCheckpoints(a: JudgedCheckpoint, b: JudgedCheckpoint, keys: LogKeys): JudgedCheckpoint {
  const [first, second] = [parseNote(Buffer.from(a.note)), parseNote(Buffer.from(b.note))]
  const both = { text: first.text, signatures: [...first.signatures, ...second.signatures] }
  return judgeCheckpoint(formatNote(both), keys)
}

/** Organisations of log keys and of cosigners that count; witnesses are none of them. */
function signersOf(good: readonly GoodSignature[], { logs, counted, organisationOf }: PolicyVersion): string[] {
  const heard = good.filter(({ key }) => logs.includes(key) || counted.has(key))
  return [...new Set(heard.flatMap(({ key }) => organisationOf.get(key) ?? []))].sort()
}

function cosignatureOf({ key, timestampSeconds }: GoodSignature): Cosignature[] {
  return timestampSeconds === undefined ? [] : [{ name: key.name, timeSeconds: timestampSeconds }]
}

/** One line per key that verified: the one with the time that `openNote` chose. */
function onlyGood(note: Note, good: readonly GoodSignature[]): Note {
  const signatures = good.map(({ key, timestampSeconds }) => {
    const id = Buffer.from(key.keyId).toString('hex')
    const found = note.signatures.find(
      (line) =>
        line.name === key.name &&
        Buffer.from(line.keyId).toString('hex') === id &&
        (timestampSeconds === undefined || timeIn(line.signature) === timestampSeconds),
    )
    if (found === undefined) throw new AppError('bug.assertion', `the signature of ${key.name} is gone`)
    return found
  })
  return { text: note.text, signatures }
}

function timeIn(signature: Uint8Array): number {
  return Number(Buffer.from(signature.buffer, signature.byteOffset, signature.byteLength).readBigUInt64BE(0))
}

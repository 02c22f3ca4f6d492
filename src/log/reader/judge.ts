/**
 * What a checkpoint is worth: whose signatures hold, and whether enough organisations cosigned it (`2-trust.md`, "Parties and
 * keys"). Organisations count, keys do not; witnesses are shown and never counted. Pure.
 */
import { AppError } from '../../base/errors.ts'
import type { Vkey } from '../../base/network/vkey.ts'
import type { AcceptedCheckpoint, Cosignature } from '../log.ts'
import { parseCheckpoint } from '../note/checkpoint.ts'
import { formatNote, type GoodSignature, type Note, openNote, parseNote } from '../note/note.ts'

/** A key and whose it is. */
export interface MemberKey {
  readonly organisation: string
  readonly key: Vkey
}

/** Who may sign checkpoints of a log at one of its sizes. */
export interface CheckpointKeys {
  /** Keys of the log itself, one per authority. */
  readonly log: readonly MemberKey[]
  /** Cosigner keys of the authorities. */
  readonly cosigners: readonly MemberKey[]
  /** Cosigner keys of witnesses: advisory. */
  readonly witnesses: readonly MemberKey[]
  /** So many authorities must have cosigned. */
  readonly quorum: number
}

/** A log that is followed: its origin, and its keys, which change with its size. */
export interface LogKeys {
  readonly origin: string
  keysAt(size: number): CheckpointKeys
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
 * passed on to. @throws usage.log if it is no checkpoint, untrusted.signature if it is one of another log, no known key signed
 * it, or a signature of a known key does not verify
 */
export function judgeCheckpoint(bytes: Uint8Array, keys: LogKeys): JudgedCheckpoint {
  const note = parseNote(bytes)
  const checkpoint = parseCheckpoint(note.text)
  if (checkpoint.origin !== keys.origin) {
    const found = JSON.stringify(checkpoint.origin)
    throw new AppError('untrusted.signature', `wanted a checkpoint of ${keys.origin}, found one of ${found}`)
  }
  const { size, root, origin } = checkpoint
  const known = keys.keysAt(size)
  const all = [...known.log, ...known.cosigners, ...known.witnesses]
  const good = openNote(note, [...new Set(all.map(({ key }) => key))])
  const logSigners = organisationsOf(good, known.log)
  const cosigners = organisationsOf(good, known.cosigners)
  return {
    origin,
    size,
    root,
    text: note.text,
    note: Buffer.from(formatNote(onlyGood(note, good))).toString('utf8'),
    cosignatures: good.flatMap(cosignatureOf),
    signers: [...new Set([...logSigners, ...cosigners])].sort(),
    counts: logSigners.size > 0 && cosigners.size >= known.quorum,
    timeSeconds: median(
      good
        .filter(({ key }) => known.cosigners.some((member) => member.key === key))
        .flatMap(({ timestampSeconds }) => timestampSeconds ?? []),
    ),
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

/** The middle value; of two in the middle the earlier, so that no single late clock makes anything look fresher. */
export function median(times: readonly number[]): number | undefined {
  return times.toSorted((a, b) => a - b)[Math.floor((times.length - 1) / 2)]
}

function organisationsOf(good: readonly GoodSignature[], members: readonly MemberKey[]): Set<string> {
  const keys = new Set(good.map(({ key }) => key))
  return new Set(members.filter(({ key }) => keys.has(key)).map(({ organisation }) => organisation))
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
        (timestampSeconds === undefined || timeOf(line.signature) === timestampSeconds),
    )
    if (found === undefined) throw new AppError('bug.assertion', `the signature of ${key.name} is gone`)
    return found
  })
  return { text: note.text, signatures }
}

function timeOf(signature: Uint8Array): number {
  return Number(Buffer.from(signature.buffer, signature.byteOffset, signature.byteLength).readBigUInt64BE(0))
}

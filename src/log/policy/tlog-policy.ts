/**
 * Policy files (C2SP tlog-policy): logs, witnesses, nested groups and the quorum, as other people's tools write them. Pure. Pyrsia's own
 * networks say the same by `network.json` (`network-policy.ts`).
 */
import { AppError } from '../../base/errors.ts'
import { readVkey, type Vkey } from '../../base/network/vkey.ts'
import type { CheckpointPolicy } from './check-checkpoint.ts'
import type { Quorum } from './quorum.ts'

/** Bytes of a policy file. */
export const POLICY_BYTES_MAX = 65_536
/** Logs, witnesses and groups that a policy may have of each; the specification asks for at least 32. */
export const POLICY_LINES_MAX = 256
/** How deep groups may lie in groups. */
export const POLICY_DEPTH_MAX = 32

/** A log or witness of a policy. */
export interface PolicyParty {
  readonly key: Vkey
  /** Where it is asked; verification needs none. */
  readonly url?: string
}

/** A policy file, read. */
export interface TlogPolicy extends CheckpointPolicy {
  readonly parties: { readonly logs: readonly PolicyParty[]; readonly witnesses: readonly PolicyParty[] }
}

interface Named {
  readonly quorum: Quorum
  readonly depth: number
}

interface Draft {
  readonly logs: PolicyParty[]
  readonly witnesses: PolicyParty[]
  /** Witnesses and groups share one name space. */
  readonly names: Map<string, Named>
  /** Names that a group has taken already. */
  readonly taken: Set<string>
  quorum: Quorum | undefined
}

/** The policy in `bytes`. @throws usage.log with the line that is wrong */
export function parseTlogPolicy(bytes: Uint8Array): TlogPolicy {
  if (bytes.byteLength > POLICY_BYTES_MAX) throw malformed(0, `at most ${POLICY_BYTES_MAX} bytes`)
  // Latin-1: one character per octet, since names are octets and no text.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a policy must not hold
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text)) throw malformed(0, 'no control characters but tab and newline')
  if (!text.endsWith('\n')) throw malformed(0, 'every line to end in a newline')
  const draft: Draft = { logs: [], witnesses: [], names: new Map(), taken: new Set(), quorum: undefined }
  for (const [at, line] of text.slice(0, -1).split('\n').entries()) {
    const words = line.split(/[ \t]+/).filter((word) => word !== '')
    if (words.length > 0 && !words[0]?.startsWith('#')) readLine(draft, words, at + 1)
  }
  if (draft.quorum === undefined) throw malformed(0, 'a quorum line')
  return {
    logs: draft.logs.map(({ key }) => key),
    cosigners: draft.witnesses.map(({ key }) => key),
    quorum: draft.quorum,
    parties: { logs: draft.logs, witnesses: draft.witnesses },
  }
}

function readLine(draft: Draft, [keyword, ...words]: readonly string[], line: number): void {
  switch (keyword) {
    case 'log':
      draft.logs.push(readParty(words, 'ed25519', draft.logs, line))
      return
    case 'witness':
      readWitness(draft, words, line)
      return
    case 'group':
      readGroup(draft, words, line)
      return
    case 'quorum':
      readQuorum(draft, words, line)
      return
    default:
      throw malformed(line, 'log, witness, group or quorum')
  }
}

function readParty(
  words: readonly string[],
  type: Vkey['type'],
  before: readonly PolicyParty[],
  line: number,
): PolicyParty {
  const [text = '', url, ...rest] = words
  if (rest.length > 0 || before.length >= POLICY_LINES_MAX) throw malformed(line, 'a key, a URL and no more')
  let key: Vkey
  try {
    // The name in a key is UTF-8, as in notes.
    key = readVkey(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1')))
  } catch (error) {
    throw new AppError('usage.log', `line ${line} of a policy: wanted a verifier key`, { cause: error })
  }
  if (key.type !== type) throw malformed(line, `a key of type ${type}`)
  if (before.some((other) => Buffer.compare(other.key.publicKey, key.publicKey) === 0))
    throw malformed(line, 'each key once')
  return url === undefined ? { key } : { key, url }
}

function readWitness(draft: Draft, [name = '', ...words]: readonly string[], line: number): void {
  const party = readParty(words, 'cosignature', draft.witnesses, line)
  define(draft, name, { quorum: { kind: 'key', key: party.key }, depth: 0 }, line)
  draft.witnesses.push(party)
}

function readGroup(draft: Draft, [name = '', count = '', ...members]: readonly string[], line: number): void {
  if (members.length === 0) throw malformed(line, 'at least one member')
  const found = members.map((member) => {
    const named = draft.names.get(member)
    if (named === undefined || draft.taken.has(member)) {
      throw malformed(line, 'members that are defined above, each in one group')
    }
    draft.taken.add(member)
    return named
  })
  const k = count === 'all' ? members.length : count === 'any' ? 1 : /^[1-9]\d{0,3}$/.test(count) ? Number(count) : 0
  if (k < 1 || k > members.length) throw malformed(line, `all, any or a number from 1 to ${members.length}`)
  const depth = 1 + Math.max(...found.map((named) => named.depth))
  if (depth > POLICY_DEPTH_MAX) throw malformed(line, `at most ${POLICY_DEPTH_MAX} groups within groups`)
  const quorum: Quorum = { kind: 'group', k, members: found.map((named) => named.quorum) }
  define(draft, name, { quorum, depth }, line)
}

function define(draft: Draft, name: string, named: Named, line: number): void {
  if (name === '' || name === 'none' || draft.names.has(name)) throw malformed(line, 'a name that is not used yet')
  if (draft.names.size >= 2 * POLICY_LINES_MAX)
    throw malformed(line, `at most ${POLICY_LINES_MAX} groups and witnesses`)
  draft.names.set(name, named)
}

function readQuorum(draft: Draft, words: readonly string[], line: number): void {
  const [name = '', ...rest] = words
  if (draft.quorum !== undefined || rest.length > 0) throw malformed(line, 'one quorum line with one name')
  const quorum: Quorum | undefined = name === 'none' ? { kind: 'none' } : draft.names.get(name)?.quorum
  if (quorum === undefined) throw malformed(line, 'the name of a witness or group that is defined above')
  draft.quorum = quorum
}

function malformed(line: number, wanted: string): AppError {
  return new AppError('usage.log', `${line === 0 ? 'a policy' : `line ${line} of a policy`}: wanted ${wanted}`)
}
